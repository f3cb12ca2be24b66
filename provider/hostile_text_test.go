package provider_test

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// hostileTexts are texts that other languages or layers would run, expand or be truncated by.
func hostileTexts() []string {
	return []string{
		"' OR '1'='1", `'; DROP TABLE users; --`, `" OR ""="`, "%' --", `","role":"admin`, `\","admin":true,"x":"`,
		"${jndi:ldap://evil.example/a}",
		"{{7*7}}", "%s%n%x", "<script>alert(1)</script>", "../../etc/passwd", "$(id)", "`id`", "\u202egnp",
		"\u200b", "\ufeff", "𝕬𝖑𝖎𝖈𝖊", "😀", strings.Repeat("长", 1500),
	}
}

// TestHostileTextIsData: in every parameter such a text is just an invalid value, and no answer repeats it.
func TestHostileTextIsData(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	want := map[string][]string{
		"grant_type":    {"unsupported_grant_type"},
		"client_id":     {"invalid_client"},
		"client_secret": {"invalid_client"},
		"scope":         {"invalid_scope"},
		"code":          {"invalid_grant", "invalid_request"},
		"appid":         {"invalid_request"},
		"refresh_token": {"invalid_grant"},
	}
	for parameter, names := range want {
		t.Run(parameter, func(t *testing.T) {
			for _, text := range hostileTexts() {
				f := w.wechatCode("alice").with(parameter, text)
				if parameter == "refresh_token" {
					f = refreshForm(text)
				}
				a := w.token(f)
				require.Contains(t, names, a.text("error"), text)
				requireError(t, a, a.status, a.text("error"))
				require.Less(t, a.status, 500)
				require.NotContains(t, a.body, text)
			}
		})
	}
	users, err := w.database.Users().List(context.Background(), "", 100)
	require.NoError(t, err)
	require.Len(t, users, 3, "no user was deleted or created")
}

// TestHostileHeadersAreData, also where they are stored: operators read device labels in their terminals.
func TestHostileHeadersAreData(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, text := range append(hostileTexts()[:18], "\x1b[2Jcleared", "tab\tbed", "\xff\xfe",
		strings.Repeat("a", 4000)) {
		body, header := w.wechatCode("alice").encode()
		if !strings.ContainsRune(text, 0x1b) { // net/http does not send such a header
			header.Set("User-Agent", text)
			header.Set("Accept", text)
		}
		requireTokens(t, w.post("/token", body, header))
		body, header = w.wechatCode("alice").encode()
		header.Set("Idempotency-Key", "a-key-that-is-long-enough"+" "+text)
		if !strings.ContainsRune(text, 0x1b) {
			requireError(t, w.post("/token", body, header), http.StatusBadRequest, "invalid_request")
			body, header = w.wechatCode("alice").encode()
			header.Set("Origin", text+"/")
			requireError(t, w.post("/token", body, header), http.StatusBadRequest, "invalid_request")
		}
	}
	user, err := w.database.Users().List(context.Background(), "", 100)
	require.NoError(t, err)
	for _, u := range user {
		sessions, err := w.database.Sessions().List(context.Background(), u.ID)
		require.NoError(t, err)
		for _, session := range sessions {
			require.LessOrEqual(t, len(session.Device), 128)
			require.NotContains(t, session.Device, "\x1b")
			require.NotContains(t, session.Device, "\u202e")
			require.NotContains(t, session.Device, "\t")
		}
	}
}

// TestLogLinesAreOneEach: line ends or JSON in a request cannot forge a line of the log.
func TestLogLinesAreOneEach(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for _, path := range []string{"/a%0a%7B%22level%22:%22forged%22%7D", "/token%0d%0aforged", "/%1b%5b2J",
		"/%22forged"} {
		requireError(t, w.get(path, nil), http.StatusNotFound, "not_found")
	}
	w.token(form{"grant_type": "forged\nline", "client_id": "mini"})
	for line := range strings.Lines(w.log.String()) {
		var entry map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &entry), line)
		require.NotEqual(t, "forged", entry["level"])
	}
}

// TestForgedHostsChangeNothing: the issuer is configured, never what a request says of itself.
func TestForgedHostsChangeNothing(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	plain := w.get("/.well-known/openid-configuration", nil)
	for _, name := range []string{"Host", "X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-URL",
		"X-Rewrite-URL", "X-Forwarded-Prefix"} {
		request, err := http.NewRequest(http.MethodGet, w.issuer+"/.well-known/openid-configuration", nil)
		require.NoError(t, err)
		request.Header.Set(name, "evil.example")
		if name == "Host" {
			request.Host = "evil.example"
		}
		require.Equal(t, plain.body, w.send(request).body, name)
	}
	body, _ := w.wechatCode("alice").with("scope", "openid").encode()
	request, err := http.NewRequest(http.MethodPost, w.issuer+"/token", strings.NewReader(body))
	require.NoError(t, err)
	request.Host = "evil.example"
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	a := w.send(request)
	requireTokens(t, a)
	require.Equal(t, w.issuer, claimsOf(t, a.text("access_token"))["iss"])
	require.Equal(t, w.issuer, claimsOf(t, a.text("id_token"))["iss"])
	missing := w.get("/nowhere", http.Header{"X-Forwarded-Host": {"evil.example"}})
	requireError(t, missing, http.StatusNotFound, "not_found")
	require.NotContains(t, missing.body, "evil")
}
