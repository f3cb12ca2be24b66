package main

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// newRoleServer returns a server with a client that may request the scopes roles and claims.
func newRoleServer(t *testing.T) testServer {
	t.Helper()
	h := newTestServer(t)
	h.secret = secretIn(t, h.ok("clients", "create", "asking", "--first-party", "--grant", "password", "--grant",
		"refresh_token", "--audience", audience,
		"--scope", "roles", "--scope", "claims", "--scope", "api"))
	return h
}

// asks requests tokens as the client, and returns them and the claims of the access token.
func (h testServer) asks(pairs ...string) (reply, map[string]any) {
	h.t.Helper()
	r := postForm(h.t, h.base+"/token", "asking", h.secret, pairs...)
	require.Equal(h.t, http.StatusOK, r.status, r.members)
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(r.text("access_token"), ".")[1])
	require.NoError(h.t, err)
	var claims map[string]any
	require.NoError(h.t, json.Unmarshal(text, &claims))
	return r, claims
}

func (h testServer) refreshed(r reply, pairs ...string) (reply, map[string]any) {
	h.t.Helper()
	return h.asks(append(pairs, "grant_type", "refresh_token", "refresh_token", r.text("refresh_token"))...)
}

func TestRolesAndClaimsTakeEffectAtTheNextRefresh(t *testing.T) {
	t.Parallel()
	h := newRoleServer(t)
	require.Contains(t, h.ok("users", "grant-role", "alice", "admin"), "granted admin: u_")
	r, claims := h.asks("grant_type", "password", "username", "alice", "password", "a good password",
		"scope", "roles claims api")
	require.Equal(t, []any{"admin"}, claims["roles"])
	require.NotContains(t, claims, "ext")

	require.Contains(t, h.ok("users", "grant-role", "ALICE", "shop:write"), "from the next sign-in or refresh on")
	require.Contains(t, h.ok("users", "revoke-role", "alice", "admin"), "revoked admin: u_")
	require.Contains(t, h.okWith(` {"tenant": "t-1", "roles": ["root"], "sub": "u_x"} `+"\n", "users", "set-claims",
		"alice"), "replaced the claims of u_")
	r, claims = h.refreshed(r)
	require.Equal(t, []any{"shop:write"}, claims["roles"])
	require.Equal(t, map[string]any{"tenant": "t-1", "roles": []any{"root"}, "sub": "u_x"}, claims["ext"])
	require.Equal(t, h.listed("users", "list")[0]["sub"], claims["sub"], "whatever the claims say")

	r, claims = h.refreshed(r, "scope", "api")
	require.NotContains(t, claims, "roles")
	require.NotContains(t, claims, "ext")
	h.ok("users", "revoke-role", "alice", "shop:write")
	h.okWith("{}", "users", "set-claims", "alice")
	_, claims = h.refreshed(r)
	require.NotContains(t, claims, "roles")
	require.NotContains(t, claims, "ext")
	_, claims = h.asks("grant_type", "password", "username", "alice", "password", "a good password", "scope", "api")
	require.NotContains(t, claims, "roles")
}

func TestRolesAndClaimsAreShown(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	require.NotContains(t, o.listed("users", "list")[0], "roles")
	o.ok("users", "grant-role", "alice", "b")
	o.ok("users", "grant-role", "alice", "a")
	o.ok("users", "grant-role", "alice", "a")
	o.ok("users", "revoke-role", "alice", "never-had")
	o.write("claims.json", "\ufeff{\n  \"tenant\": \"t-1\"\n}\n")
	o.ok("users", "set-claims", "alice", "--file", "claims.json")
	row := o.listed("users", "list")[0]
	require.Equal(t, []any{"a", "b"}, row["roles"])
	require.Equal(t, map[string]any{"tenant": "t-1"}, row["claims"])
}

func TestRolesAndClaimsThatCannotBeAreRefused(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	for _, role := range []string{"", "two words", "a,b", "rôle", strings.Repeat("r", 65)} {
		require.Contains(t, o.refused("users", "grant-role", "alice", role), "ROLE: a role must be 1 to 64", "%q", role)
		require.Contains(t, o.refused("users", "revoke-role", "alice", role), "ROLE: a role must be 1 to 64", "%q",
			role)
	}
	for text, says := range map[string]string{
		"": "no claims were given", " \n": "no claims were given", "null": "one JSON object",
		"[]": "one JSON object", `{"a":1`: "one JSON object",
		`{"a":1,"a":2}`: "without duplicate names", `{"a":"` + strings.Repeat("x", 1024) +
			`"}`: "at most 1024 bytes", strings.Repeat(" ", 70_000): "is this the right file?",
	} {
		require.Contains(t, o.refusedWith(text, "users", "set-claims", "alice"), says, "%.20q", text)
	}
	require.Contains(t, o.refused("users", "set-claims", "alice", "--file", "missing.json"),
		"--file: open missing.json")
	require.NotContains(t, o.listed("users", "list")[0], "claims")
	for _, args := range [][]string{{"grant-role", "nobody", "r"}, {"revoke-role", "nobody", "r"},
		{"set-claims", "nobody"}} {
		require.Contains(t, o.refusedWith("{}", append([]string{"users"}, args...)...), `there is no user "nobody"`)
	}
	require.Contains(t, o.refused("users", "grant-role", "alice"), "usage: lingpai users grant-role SUB|USERNAME ROLE")
}
