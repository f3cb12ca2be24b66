package wechat_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const resetPath = "/wxa/resetusersessionkey"

func TestASessionKeyIsCheckedAndReset(t *testing.T) {
	ctx := context.Background()
	w := newAppTokenEnv(t)
	tokens := w.replica()
	openID := wechattest.OpenID(appID, "ada")
	first, foreign := w.sessionKey("ada"), w.sessionKey("bob")
	requireValid := func(want bool, key wechat.SessionKey) {
		t.Helper()
		valid, err := tokens.CheckSession(ctx, credentials(), openID, key)
		require.NoError(t, err)
		require.Equal(t, want, valid)
	}
	requireValid(true, first)
	requireValid(false, foreign)
	requireValid(false, wechat.SessionKey{})

	second, err := tokens.ResetSession(ctx, credentials(), openID, first)
	require.NoError(t, err)
	require.NotEqual(t, first, second)
	requireValid(true, second)
	requireValid(false, first)
	for _, key := range []wechat.SessionKey{first, foreign, {}} {
		_, err := tokens.ResetSession(ctx, credentials(), openID, key)
		requireClass(t, err, wechat.ErrStaleKey)
	}
	w.Advance(73 * time.Hour)
	requireValid(false, second)

	w.Fault(wechattest.Fault{Path: sessionPath, Errcode: 87007})
	requireValid(false, second)
	for errcode, class := range map[int]error{
		87008: wechat.ErrUnavailable, 45011: wechat.ErrThrottled, -1: wechat.ErrUnavailable,
		48001: wechat.ErrMisconfigured, 50007: wechat.ErrMisconfigured,
	} {
		w.Fault(wechattest.Fault{Path: sessionPath, Errcode: errcode})
		valid, err := tokens.CheckSession(ctx, credentials(), openID, second)
		requireClass(t, err, class)
		require.False(t, valid)
	}
	before := w.Requests().Paths[sessionPath]
	_, err = tokens.CheckSession(ctx, credentials(), "", second)
	requireClass(t, err, wechat.ErrUnavailable)
	require.Equal(t, before, w.Requests().Paths[sessionPath])
}

func TestUnusableResets(t *testing.T) {
	openID := wechattest.OpenID(appID, "ada")
	for name, text := range map[string]string{
		"another user's": `{"openid":"` + wechattest.OpenID(appID, "bob") + `","session_key":"` + sessionKey + `"}`,
		"nobody's":       `{"session_key":"` + sessionKey + `"}`,
		"no key":         `{"openid":"` + openID + `"}`,
		"a number":       `{"openid":"` + openID + `","session_key":7}`,
		"a long key":     `{"openid":"` + openID + `","session_key":"` + strings.Repeat("A", 43) + `="}`,
		"no Base64":      `{"openid":"` + openID + `","session_key":"........................"}`,
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppTokenEnv(t)
			w.Fault(wechattest.Fault{Path: resetPath, Text: text})
			key, err := w.replica().ResetSession(context.Background(), credentials(), openID, w.sessionKey("ada"))
			requireClass(t, err, wechat.ErrUnavailable)
			require.Empty(t, key)
		})
	}
}

func TestWhetherWeChatEncryptedAMessage(t *testing.T) {
	ctx := context.Background()
	w := newAppTokenEnv(t)
	tokens := w.replica()
	w.sessionKey("ada")
	sealed, err := w.Encrypt(wechattest.Plaintext{AppID: appID, User: "ada", Kind: "phone"})
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(sealed.EncryptedData))
	hash := hex.EncodeToString(digest[:])
	for _, text := range []string{hash, strings.ToUpper(hash)} {
		genuine, at, err := tokens.CheckEncryptedMessage(ctx, credentials(), text)
		require.NoError(t, err)
		require.True(t, genuine)
		require.WithinDuration(t, w.Now(), at, 5*time.Second)
	}
	for name, c := range map[string]struct {
		by   wechat.Credentials
		hash string
	}{
		"another message": {credentials(), strings.Repeat("0", 64)},
		"another app":     {wechat.Credentials{AppID: otherApp, Secret: secret + "-two"}, hash},
	} {
		for _, older := range []bool{false, true} {
			w.SetVariant(wechattest.Variant{VaildFalse: older, Errcode: "quoted"})
			genuine, at, err := tokens.CheckEncryptedMessage(ctx, c.by, c.hash)
			require.NoError(t, err, name)
			require.False(t, genuine, name)
			require.Zero(t, at, name)
		}
	}
	w.Advance(73 * time.Hour)
	genuine, _, err := tokens.CheckEncryptedMessage(ctx, credentials(), hash)
	require.NoError(t, err)
	require.False(t, genuine, "WeChat no longer remembers it")

	before := w.Requests().Paths["/wxa/business/checkencryptedmsg"]
	for _, text := range []string{"", "x", hash[:62], hash + "00", strings.Repeat("g", 64)} {
		_, _, err := tokens.CheckEncryptedMessage(ctx, credentials(), text)
		requireClass(t, err, wechat.ErrUnavailable)
	}
	require.Equal(t, before, w.Requests().Paths["/wxa/business/checkencryptedmsg"])
	for _, text := range []string{
		`{"errcode":0}`, `{"vaild":"true","create_time":1700000000}`, `{"vaild":1,"create_time":1700000000}`,
		`{"vaild":true}`,
		`{"vaild":true,"create_time":-1}`, `{"valid":true,"create_time":1700000000}`,
		`{"Vaild":true,"create_time":1700000000}`,
	} {
		w.Fault(wechattest.Fault{Path: "/wxa/business/checkencryptedmsg", Text: text})
		genuine, _, err := tokens.CheckEncryptedMessage(ctx, credentials(), hash)
		requireClass(t, err, wechat.ErrUnavailable)
		require.False(t, genuine)
	}
}
