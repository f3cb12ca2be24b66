package main

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// secretIn finds the secret in what "clients create" and "rotate-secret" print.
func secretIn(t *testing.T, printed string) string {
	t.Helper()
	match := regexp.MustCompile(`(?m)^client_secret  (\S+)$`).FindStringSubmatch(printed)
	require.Len(t, match, 2, printed)
	return match[1]
}

func TestAClientSecretIsPrintedOnceAndKeptAsAHash(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	printed := o.ok("clients", "create", "backend", "--first-party", "--grant", "password", "--audience", audience)
	secret := secretIn(t, printed)
	require.Contains(t, printed, "client_id      backend")
	hash := identity.HashSecret(secret)
	shown := o.ok("clients", "list") + o.ok("clients", "list", "--output", "json") + o.ok("clients", "show", "backend")
	shown = strings.ReplaceAll(shown, "has_secret", "")
	for _, form := range []string{secret, string(hash), hex.EncodeToString(hash),
		base64.StdEncoding.EncodeToString(hash), base64.RawURLEncoding.EncodeToString(hash), "secret", "hash"} {
		require.NotContains(t, shown, form)
	}
	for _, name := range []string{"lingpai.db", "lingpai.db-wal"} {
		content, _ := os.ReadFile(filepath.Join(o.folder, name))
		require.NotContains(t, string(content), secret)
	}
}

func TestAPublicClientHasNoSecret(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	require.NotContains(t, o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID,
		"--audience", audience), "secret")
	require.Contains(t, o.refused("clients", "rotate-secret", "shop"), "public client")
}

func TestAClientIsShownAsItWasCreated(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(realSecret, "apps", "add", appID)
	o.ok("clients", "create", "shop", "--name", "My shop", "--public", "--first-party", "--grant", "wechat_code",
		"--grant", "password", "--grant", "refresh_token",
		"--app", appID, "--audience", audience, "--scope", "openid", "--scope", "api", "--default-scope", "api",
		"--origin", "https://shop.example.com:8443", "--origin", "https://商店.example",
		"--origin", "capacitor://localhost",
		"--wechat-claims", "--access-ttl", "5m", "--idle-ttl", "24h", "--absolute-ttl", "48h")
	var shown map[string]any
	require.NoError(t, json.Unmarshal([]byte(o.ok("clients", "show", "shop")), &shown))
	created, err := time.Parse(time.RFC3339, shown["created_at"].(string))
	require.NoError(t, err)
	require.WithinDuration(t, time.Now(), created, time.Minute)
	delete(shown, "created_at")
	require.Equal(t, map[string]any{
		"client_id": "shop", "name": "My shop", "type": "public", "first_party": true,
		"grants": []any{"wechat_code", "password", "refresh_token"},
		"apps":   []any{appID}, "audience": []any{audience}, "is_audience": []any{},
		"scopes":         []any{"openid", "api"},
		"default_scopes": []any{"api"},
		"origins": []any{"https://shop.example.com:8443", "https://xn--czrs0t.example",
			"capacitor://localhost"}, "refresh_keys": true, "wechat_claims": true,
		"redirect_uris": []any{}, "post_logout_redirect_uris": []any{}, "always_consent": false,
		"optional_pkce": false, "require_par": false, "has_secret": false, "access_ttl": "5m0s",
		"idle_ttl": "24h0m0s", "absolute_ttl": "48h0m0s",
	}, shown)
	require.Len(t, o.listed("clients", "list"), 1)
}

func TestAClientWithoutIDGetsOne(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.ok("clients", "create", "--first-party", "--grant", "password", "--audience", audience)
	require.Regexp(t, `^c_`, o.listed("clients", "list")[0]["client_id"])
}

func TestASecretThatWasRotatedOutStopsWorkingAndADisabledClientDoesToo(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	o.okWith("a good password", "users", "create", "alice")
	old := secretIn(t, o.ok("clients", "create", "backend", "--first-party", "--grant", "password", "--audience",
		audience))
	_, base := o.serves()
	signIn := func(secret string) int {
		return postForm(t, base+"/token", "backend", secret, "grant_type", "password", "username", "alice",
			"password", "a good password").status
	}
	require.Equal(t, http.StatusOK, signIn(old))
	fresh := secretIn(t, o.ok("clients", "rotate-secret", "backend"))
	require.NotEqual(t, old, fresh)
	require.Eventually(t, func() bool { return signIn(fresh) == http.StatusOK }, patience, 100*time.Millisecond)
	require.Equal(t, http.StatusUnauthorized, signIn(old))

	require.Contains(t, o.ok("clients", "disable", "backend"), "disabled backend")
	require.Contains(t, o.refused("clients", "rotate-secret", "backend"), "backend was disabled at ")
	require.Eventually(t, func() bool { return signIn(fresh) == http.StatusUnauthorized }, patience,
		100*time.Millisecond)
	require.NotEmpty(t, o.listed("clients", "list")[0]["disabled_at"])
	for _, command := range []string{"disable", "rotate-secret", "show"} {
		require.Contains(t, o.refused("clients", command, "nobody"), `there is no client "nobody"`)
	}
	require.Contains(t, o.refused("clients", "create", "backend", "--first-party", "--grant", "password",
		"--audience", audience), "is or was used")
}
