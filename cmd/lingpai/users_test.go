package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAPasswordHas8To256Characters(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	for _, password := range []string{"", "1234567", strings.Repeat("a", 257), strings.Repeat("a", 5000),
		"eight\x01chars", "\xff\xfe\xff\xfe\xff\xfe\xff\xfe"} {
		require.Contains(t, o.refusedWith(password, "users", "create", "alice"), "password")
	}
	require.Empty(t, o.listed("users", "list"))
	o.okWith("tr0ub4do", "users", "create", "alice")
	o.okWith(strings.Repeat("界", 256), "users", "create", "bob")
	require.Contains(t, o.refusedWith("1234567", "users", "set-password", "alice"), "8 to 256")
	require.Contains(t, o.refused("users", "create", "carol", "a good password"),
		"usage: lingpai users create USERNAME", "a password is no argument")
}

func TestAUserNameIsTakenInEverySpelling(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "Alice")
	require.Contains(t, o.refusedWith("a good password", "users", "create", "ALICE"), `the name "ALICE" is taken`)
	for _, name := range []string{"", "two words", "u_x", strings.Repeat("a", 129)} {
		require.Contains(t, o.refusedWith("a good password", "users", "create", name), "user name")
	}
}

func TestUsersAreListedPageByPageWithoutPasswords(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	for _, name := range []string{"alice", "bob", "carol"} {
		o.okWith("a good password", "users", "create", name)
	}
	rows := o.listed("users", "list")
	require.Len(t, rows, 3)
	require.NotContains(t, o.ok("users", "list", "--output", "json"), "$argon2")
	require.Equal(t, true, rows[0]["has_password"])
	first := o.types("", "users", "list", "--limit", "2")
	require.Contains(t, first.stderr, "--after "+rows[1]["sub"].(string))
	require.Equal(t, rows[2:], o.listed("users", "list", "--limit", "2", "--after", rows[1]["sub"].(string)))
	for _, limit := range []string{"0", "-1", "x"} {
		require.Contains(t, o.refused("users", "list", "--limit", limit), "--limit")
	}
}

// testServer is a running provider with a user and a back end that may sign them in.
type testServer struct {
	*operator
	base, secret string
}

func newTestServer(t *testing.T) testServer {
	t.Helper()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	o.okWith("a good password", "users", "create", "alice")
	h := testServer{operator: o, secret: secretIn(t, o.ok("clients", "create", "backend", "--first-party", "--grant",
		"password", "--grant", "refresh_token", "--audience", audience))}
	_, h.base = o.serves()
	return h
}

func (h testServer) signIn(password string) reply {
	h.t.Helper()
	return postForm(h.t, h.base+"/token", "backend", h.secret, "grant_type", "password", "username",
		"alice", "password", password)
}

// session signs in and returns the refresh token.
func (h testServer) session() string {
	h.t.Helper()
	r := h.signIn("a good password")
	require.Equal(h.t, http.StatusOK, r.status, r.members)
	return r.text("refresh_token")
}

func (h testServer) refreshes(token string) bool {
	h.t.Helper()
	return postForm(h.t, h.base+"/token", "backend", h.secret, "grant_type", "refresh_token", "refresh_token",
		token).status == http.StatusOK
}

func TestADisabledUserCannotSignInUntilEnabled(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	token := h.session()
	h.ok("users", "disable", "alice")
	require.False(t, h.refreshes(token))
	require.Equal(t, "invalid_grant", h.signIn("a good password").text("error"))
	require.NotEmpty(t, h.listed("users", "list")[0]["disabled_at"])
	h.ok("users", "enable", "alice")
	require.False(t, h.refreshes(token), "the session ended for good")
	require.True(t, h.refreshes(h.session()))
	for _, command := range []string{"disable", "enable", "set-password"} {
		require.Contains(t, h.refused("users", command, "nobody"), `there is no user "nobody"`)
	}
}

func TestANewPasswordEndsAllSessionsAndKeepsItsSpaces(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	token := h.session()
	h.okWith("  spaces around  \n", "users", "set-password", h.listed("users", "list")[0]["sub"].(string))
	require.False(t, h.refreshes(token))
	require.Equal(t, "invalid_grant", h.signIn("a good password").text("error"))
	require.Equal(t, http.StatusOK, h.signIn("  spaces around  ").status)
}

func TestANameThatIsAnothersIDIsNobodys(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "bob")
	o.write("people.jsonl", `{"sub":"bob","username":"robert"}`+"\n")
	o.ok("users", "import", "people.jsonl")
	require.Contains(t, o.refused("users", "disable", "bob"),
		`"bob" is the id of one user and the user name of another, u_`)
	o.ok("users", "disable", "robert")
}
