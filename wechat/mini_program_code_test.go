package wechat_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const codePath = "/wxa/getwxacodeunlimit"

// TestMiniProgramCodes: the picture is the one of the scene and the page.
func TestMiniProgramCodes(t *testing.T) {
	w := newAppTokenEnv(t)
	require.NoError(t, w.AddApp(wechattest.App{AppID: appID, Secret: secret, Pages: []string{"pages/scan/scan"}}))
	tokens := w.replica()
	scene := strings.Repeat("aZ0-_~!#", 4)
	for _, code := range []wechat.MiniProgramCode{{Scene: scene, Page: "pages/scan/scan"},
		{Scene: "x", Page: "pages/other", Unpublished: true, Version: "develop"}, {Scene: "y"}} {
		picture, err := tokens.MiniProgramCode(context.Background(), credentials(), code)
		require.NoError(t, err)
		require.Equal(t, "image/jpeg", picture.ContentType)
		require.Equal(t, "image/jpeg", http.DetectContentType(picture.Body))
		made := w.MiniProgramCodes()[0]
		require.Equal(t, code.Scene, made.Scene)
		require.Equal(t, code.Page, made.Page)
		require.Equal(t, fmt.Sprintf("%x", sha256.Sum256(picture.Body)), made.SHA256)
	}
}

// TestMiniProgramCodesThatWechatRefuses blame the settings, the quota or WeChat, and nobody else.
func TestMiniProgramCodesThatWechatRefuses(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	ask := func(code wechat.MiniProgramCode) error {
		_, err := tokens.MiniProgramCode(context.Background(), credentials(), code)
		return err
	}
	for _, scene := range []string{"", strings.Repeat("a", 33), "a b", "a%b", "a|b", "码", "a\n"} {
		requireClass(t, ask(wechat.MiniProgramCode{Scene: scene}), wechat.ErrMisconfigured)
	}
	require.Zero(t, w.Requests().Paths[codePath], "WeChat is not asked in vain")
	for _, page := range []string{"/pages/scan", "pages/scan?a=b", "pages/unknown"} {
		requireClass(t, ask(wechat.MiniProgramCode{Scene: "x", Page: page}), wechat.ErrMisconfigured)
	}
	requireClass(t, ask(wechat.MiniProgramCode{Scene: "x", Version: "beta"}), wechat.ErrMisconfigured)
	for errcode, class := range map[int]error{40129: wechat.ErrMisconfigured, 40169: wechat.ErrMisconfigured,
		85096: wechat.ErrMisconfigured, 48001: wechat.ErrMisconfigured, 45009: wechat.ErrThrottled,
		-1: wechat.ErrUnavailable, 12345: wechat.ErrUnavailable} {
		fresh := newAppTokenEnv(t)
		fresh.Fault(wechattest.Fault{Errcode: errcode, Path: codePath})
		_, err := fresh.replica().MiniProgramCode(context.Background(), credentials(),
			wechat.MiniProgramCode{Scene: "x"})
		requireClass(t, err, class)
	}
}

// TestAnswersThatAreNoPicture: pages of gateways, half an answer and one without an end are shown to nobody.
func TestAnswersThatAreNoPicture(t *testing.T) {
	for name, fault := range map[string]wechattest.Fault{
		"HTML": {Body: "html"}, "no error": {Text: `{"errcode":0,"errmsg":"ok"}`}, "nothing": {Body: "empty"},
		"text": {Text: "ok"}, "huge": {Text: "\xff\xd8\xff" + strings.Repeat("x", 1<<20)}, "status": {Status: 502},
		"SVG": {Text: `<svg xmlns="http://www.w3.org/2000/svg"/>`}, "cut": {Body: "cut"},
	} {
		w := newAppTokenEnv(t)
		fault.Path = codePath
		w.Fault(fault)
		_, err := w.replica().MiniProgramCode(context.Background(), credentials(), wechat.MiniProgramCode{Scene: "x"})
		requireClass(t, err, wechat.ErrUnavailable)
		require.NotContains(t, err.Error(), "svg", name)
	}
}

// TestACodeIsMadeWithANewToken if the one that is kept was replaced.
func TestACodeIsMadeWithANewToken(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	for want := range 2 {
		_, err := tokens.MiniProgramCode(context.Background(), credentials(), wechat.MiniProgramCode{Scene: "x",
			Unpublished: true})
		require.NoError(t, err)
		require.Equal(t, 1+2*want, w.Requests().Paths[codePath])
		w.force()
	}
}
