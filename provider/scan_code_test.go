package provider_test

import (
	"crypto/sha256"
	"fmt"
	"html"
	"net/http"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/provider/pages"
	serversettings "github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

var pictureURL = regexp.MustCompile(`<img class="qr" src="([^"]*)"`)

// forMiniProgram has codes open a page of a mini-program.
func forMiniProgram(s *settings) {
	s.also(func(c *serversettings.Settings) {
		c.ScanApp, c.ScanPage, c.ScanVersion, c.ScanUnpublished = testApp, "pages/scan/scan", "trial", true
	})
}

func (s screen) picture(p page) page {
	s.t.Helper()
	found := pictureURL.FindStringSubmatch(p.body)
	require.NotNil(s.t, found, p.body)
	return s.open(html.UnescapeString(found[1]))
}

// TestMiniProgramCodesOnPages: WeChat's picture stands for the handle, and belongs to the browser that shows it.
func TestMiniProgramCodesOnPages(t *testing.T) {
	t.Parallel()
	w := newScans(t, forMiniProgram)
	s, ada := w.screen(), w.phone("ada")
	p := s.show("shop")
	shown := s.picture(p)
	require.Equal(t, http.StatusOK, shown.status)
	require.Equal(t, "image/jpeg", shown.header.Get("Content-Type"))
	require.Equal(t, "private, max-age=300, immutable", shown.header.Get("Cache-Control"))
	made := w.simulator.MiniProgramCodes()
	require.Len(t, made, 1)
	require.Equal(t, handleOf(t, p), made[0].Scene)
	require.Equal(t, "pages/scan/scan", made[0].Page)
	require.Equal(t, "trial", made[0].EnvVersion)
	require.Equal(t, fmt.Sprintf("%x", sha256.Sum256([]byte(shown.body))), made[0].SHA256)
	require.Equal(t, http.StatusNotFound, w.screen().picture(p).status, "another browser")
	require.Len(t, w.simulator.MiniProgramCodes(), 1, "which does not cost WeChat's quota")

	require.Equal(t, http.StatusOK, ada.look(made[0].Scene, "scene", "1047").status)
	require.Equal(t, http.StatusNoContent, ada.approve(made[0].Scene, "number", numberOn(t, p)).status)
	s.code(s.goOn(s.again(p)), "shop")
}

// TestPagesWithoutMiniProgramCodes: if WeChat makes none, the page shows the code of an address.
func TestPagesWithoutMiniProgramCodes(t *testing.T) {
	t.Parallel()
	for name, errcode := range map[string]int{"the quota is used up": 45009, "the page is unknown": 41030, "busy": -1} {
		w := newScans(t, forMiniProgram, limited(limits.ScanPictures, 1))
		require.NoError(t, w.simulator.Fail(wechattest.Fault{Errcode: errcode, Path: "/wxa/getwxacodeunlimit"}))
		shown := w.screen()
		p := shown.show("shop")
		picture := shown.picture(p)
		require.Equal(t, http.StatusOK, picture.status, name)
		require.Equal(t, "image/png", picture.header.Get("Content-Type"))
		require.Equal(t, "default-src 'none'; sandbox", picture.header.Get("Content-Security-Policy"))
		require.Contains(t, w.log.String(), "no mini-program code")
		if errcode == -1 {
			require.Equal(t, "image/jpeg", shown.picture(p).header.Get("Content-Type"), "the failure is not the user's")
		}
	}
	w := newScans(t)
	require.NotContains(t, w.screen().show("shop").body, "<img")
	require.Equal(t, http.StatusNotFound, w.screen().open("/sign-in/scan/code?screen=x").status)
}

// TestFewPicturesAreMade of a code, however often it is asked for, and of all in a minute: WeChat's quota is the app's.
// The page then shows the code of an address.
func TestFewPicturesAreMade(t *testing.T) {
	t.Parallel()
	for name, uses := range map[limits.Name]int{limits.ScanPictures: 3, limits.AllScanPictures: 3} {
		w := newScans(t, forMiniProgram, limited(name, uses))
		s := w.screen()
		p := s.show("shop")
		for n := range 20 {
			shown := s.picture(p)
			require.Equal(t, http.StatusOK, shown.status)
			require.Equal(t, n < uses, shown.header.Get("Content-Type") == "image/jpeg")
		}
		require.Len(t, w.simulator.MiniProgramCodes(), uses)
		require.NotContains(t, w.log.String(), "no mini-program code", "which everybody could fill the log with")
		other := w.screen()
		shown := other.picture(other.show("shop"))
		require.Equal(t, name == limits.ScanPictures, shown.header.Get("Content-Type") == "image/jpeg")
	}
}

// TestPressingACode: on the phone that shows it nobody can scan a code, so in WeChat it is a picture to press for long,
// and the page says so. WeChat's scene for that is no reason to refuse it there.
func TestPressingACode(t *testing.T) {
	t.Parallel()
	for name, option := range map[string]option{"address": func(*settings) {}, "mini-program": forMiniProgram} {
		t.Run(name, func(t *testing.T) {
			w := newScans(t, option)
			s, ada := w.screen(), w.phone("ada")
			require.NotContains(t, s.show("shop").body, "长按")
			s.sends.Set("User-Agent", inWechat)
			p := s.show("shop")
			require.Contains(t, p.body, "请长按二维码")
			shown := s.picture(p)
			require.Equal(t, http.StatusOK, shown.status)
			if name == "address" {
				code, err := pages.NewQR(w.issuer + "/scan/" + handleOf(t, p))
				require.NoError(t, err)
				require.Equal(t, string(code.PNG()), shown.body)
			}
			require.Equal(t, http.StatusNotFound, w.screen().picture(p).status, "another browser")
			require.Equal(t, http.StatusOK, ada.look(handleOf(t, p), "scene", "1012").status)
			require.Equal(t, http.StatusNoContent, ada.approve(handleOf(t, p), "number", numberOn(t, p)).status)
			s.code(s.goOn(s.again(p)), "shop")
		})
	}
}
