package provider_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestStorageGone: requests get 503 and none is called invalid, and what needs no storage still works (RFC 6749
// §4.1.2.1).
func TestStorageGone(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	signedIn := w.signIn("alice", "scope", "openid")
	f := w.wechatCode("alice")
	own := w.token(serviceForm()).text("access_token")
	require.NoError(t, w.database.Close())
	for name, a := range map[string]answer{
		"wechat_code":         w.token(f),
		"password":            w.token(passwordForm("alice", testPassword)),
		"refresh":             w.token(refreshForm(signedIn.text("refresh_token"))),
		"wrong client secret": w.token(passwordForm("alice", "x").with("client_secret", "x")),
		"userinfo":            w.userinfo(signedIn.text("access_token")),
		"client_credentials":  w.token(serviceForm()),
		"revoke":              w.revoke(signedIn.text("refresh_token")),
		"revoke nonsense":     w.revoke("x"),
		"introspect":          w.introspect(signedIn.text("access_token")),
		"introspect nonsense": w.introspect("x"),
		"verify":              w.verify(signedIn.text("access_token"), ""),
		"verify a client's":   w.verify(own, ""),
	} {
		t.Run(name, func(t *testing.T) {
			requireError(t, a, http.StatusServiceUnavailable, "temporarily_unavailable")
			require.NotContains(t, a.body, "sql")
			require.NotContains(t, a.body, "database")
		})
	}
	require.Empty(t, w.simulator.Requests().Codes[f["code"]], "no code is spent when sign-ins are impossible")
	for _, path := range append(documentPaths(), "/healthz") {
		require.Equal(t, http.StatusOK, w.get(path, nil).status, path)
	}
	ready := w.get("/readyz", nil)
	require.Equal(t, http.StatusServiceUnavailable, ready.status)
	require.Equal(t, "no-store", ready.header.Get("Cache-Control"))
	requireError(t, w.userinfo("x"), http.StatusUnauthorized, "invalid_token")
	requireError(t, w.token(form{"grant_type": "x"}), http.StatusBadRequest, "unsupported_grant_type")
}
