package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	serversettings "github.com/lingpai/lingpai/server/settings"
)

// verified configures files with which WeChat verifies the host.
func verified(path string) option {
	return func(s *settings) {
		s.path = path
		s.also(func(c *serversettings.Settings) {
			c.WechatFiles = map[string][]byte{"MP_verify_AbC123.txt": []byte("AbC123"),
				"6ynZPDvfTF.txt": []byte("x\r\n")}
		})
	}
}

// atHost sends a request to a path of the host, whatever the path of the issuer.
func (w browser) atHost(method, path string) answer {
	w.t.Helper()
	request, err := http.NewRequest(method, strings.TrimSuffix(w.issuer, w.settings.path)+path, nil)
	require.NoError(w.t, err)
	request.Header.Set("Origin", testOrigin)
	return w.send(request)
}

// TestFilesOfWechatAreWhereWechatAsks: at the root of the host, in the issuer's path and in the folder of codes.
func TestFilesOfWechatAreWhereWechatAsks(t *testing.T) {
	t.Parallel()
	for path, folders := range map[string][]string{
		"": {"/", "/scan/"}, "/login/cn": {"/", "/login/cn/", "/login/cn/scan/"},
		"/scan": {"/", "/scan/", "/scan/scan/"},
	} {
		w := newEnv(t, verified(path))
		for _, folder := range folders {
			for name, text := range map[string]string{"MP_verify_AbC123.txt": "AbC123", "6ynZPDvfTF.txt": "x\r\n"} {
				a := w.atHost(http.MethodGet, folder+name)
				require.Equal(t, http.StatusOK, a.status, folder+name)
				require.Equal(t, text, a.body)
				require.Equal(t, "text/plain; charset=utf-8", a.header.Get("Content-Type"))
				require.Equal(t, "nosniff", a.header.Get("X-Content-Type-Options"))
				require.Equal(t, "no-cache", a.header.Get("Cache-Control"))
				require.Empty(t, a.header.Get("Access-Control-Allow-Origin"))
				head := w.atHost(http.MethodHead, folder+name)
				require.Equal(t, http.StatusOK, head.status)
				require.Empty(t, head.body)
				require.Equal(t, a.header.Get("Content-Length"), head.header.Get("Content-Length"))
				post := w.atHost(http.MethodPost, folder+name)
				require.Equal(t, http.StatusMethodNotAllowed, post.status)
				require.Equal(t, "GET, HEAD", post.header.Get("Allow"))
			}
		}
	}
}

// anonymous returns an answer without the time and the id of its request.
func anonymous(a answer) answer {
	id := a.header.Get("X-Request-Id")
	a.header.Del("Date")
	a.header.Del("X-Request-Id")
	return answer{status: a.status, header: a.header, body: strings.ReplaceAll(a.body, id, "")}
}

// TestOtherNamesAreAnsweredAsWithoutFiles: in every way, except for the id of the request.
func TestOtherNamesAreAnsweredAsWithoutFiles(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/login/cn"} {
		w, without := newEnv(t, verified(path)), newEnv(t, func(s *settings) { s.path = path })
		for below, status := range map[string]int{
			"/": http.StatusNotFound, "/MP_verify_other.txt": http.StatusNotFound,
			"/mp_verify_abc123.txt": http.StatusNotFound, "/MP_verify_AbC123.txt/": http.StatusNotFound,
			"/MP_verify_AbC123": http.StatusNotFound, "/x/MP_verify_AbC123.txt": http.StatusNotFound,
			"/sign-in/MP_verify_AbC123.txt": http.StatusNotFound, "/x/../MP_verify_AbC123.txt": http.StatusNotFound,
			"//MP_verify_AbC123.txt": http.StatusNotFound, "/scan/../MP_verify_AbC123.txt": http.StatusNotFound,
			"/scan/..%2FMP_verify_AbC123.txt": http.StatusSeeOther, "/scan/%2e%2e/%2e%2e/go.mod": http.StatusNotFound,
			"/scan/": http.StatusNotFound, "/scan/other.txt": http.StatusSeeOther,
			"/scan/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA": http.StatusSeeOther, "/scan/look": http.StatusMethodNotAllowed,
		} {
			for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodOptions} {
				a, want := w.atHost(method, path+below), without.atHost(method, path+below)
				if method == http.MethodGet {
					require.Equal(t, status, a.status, path+below)
				}
				require.Equal(t, anonymous(want), anonymous(a), "%s %s%s", method, path, below)
			}
		}
	}
}

// TestAScanWorksBesideFilesOfWechat, whose folder is that of the handles.
func TestAScanWorksBesideFilesOfWechat(t *testing.T) {
	t.Parallel()
	w := newScans(t, verified(""))
	s, ada := w.screen(), w.phone("ada")
	handle := handleOf(t, s.show("shop"))
	opened := w.get("/scan/"+handle, nil)
	require.Equal(t, http.StatusSeeOther, opened.status)
	require.Contains(t, opened.header.Get("Location"), "/scan?scan="+handle)
	require.Equal(t, http.StatusOK, ada.look(handle).status)
}
