package main

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"
)

// imported returns the bcrypt hash that another program makes of a password.
func imported(t *testing.T, password string) string {
	t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(t, err)
	return strings.Replace(string(hash), "$2a$", "$2y$", 1) // the prefix that PHP writes
}

func (h testServer) signsIn(username, password string) bool {
	h.t.Helper()
	r := postForm(h.t, h.base+"/token", "backend", h.secret, "grant_type", "password", "username",
		username, "password", password)
	return r.status == http.StatusOK
}

func TestAPasswordThatIsGuessedFirstIsRefused(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	for _, password := range []string{"12345678", "Password1", "woaini1314", "5201314520", "1QAZ2wsx", "Admin@123"} {
		message := o.refusedWith(password, "users", "create", "alice")
		require.Contains(t, message, "too common")
		require.NotContains(t, message, password)
	}
	o.okWith("a good password", "users", "create", "alice")
	require.Contains(t, o.refusedWith("iloveyou", "users", "set-password", "alice"), "too common")
}

func TestAnImportedHashSignsInAndIsRenewedWithoutEndingASession(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	old := imported(t, "the old one")
	token := h.session()
	h.okWith(old+"\n", "users", "create", "bob", "--hash")
	h.okWith(old, "users", "set-password", "alice", "--hash")
	require.False(t, h.refreshes(token), "a password that is set ends the sessions")
	require.Equal(t, "invalid_grant", h.signIn("a good password").text("error"))

	require.False(t, h.signsIn("bob", "the old on"))
	r := h.signIn("the old one")
	require.Equal(t, http.StatusOK, r.status, r.members)
	require.True(t, h.signsIn("alice", "the old one"), "the renewed hash is of the same password")
	require.False(t, h.signsIn("alice", "the old one "))
	require.True(t, h.refreshes(r.text("refresh_token")), "and ended nothing")
	require.True(t, h.signsIn("bob", "the old one"))
	require.True(t, h.signsIn("bob", "the old one"))
}

// TestAnImportedHashOfALongPassword: bcrypt uses the first 72 bytes. The hash is kept, since a sign-in with another end
// would otherwise replace it, so that the user's own password stops working.
func TestAnImportedHashOfALongPassword(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	start := strings.Repeat("0123456789ab", 6)
	h.okWith(imported(t, start), "users", "create", "bob", "--hash")
	for _, end := range []string{", and something else", "", ", and all that follows"} {
		require.True(t, h.signsIn("bob", start+end))
	}
	require.False(t, h.signsIn("bob", start[1:]))
}

func TestAHashThatCannotBeCheckedIsRefused(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	good := imported(t, "the old one")
	for _, hash := range []string{
		"a good password", "$1$28772684$iEwNOgGugqO9.bIz5sk8k/", strings.Replace(good, "$04$", "$15$", 1),
		strings.Replace(good, "$2y", "$2x", 1), good[:59], good + "x",
		"$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		message := o.refusedWith(hash, "users", "create", "alice", "--hash")
		require.Contains(t, message, "not a supported hash")
		require.NotContains(t, message, hash)
	}
	require.Contains(t, o.refusedWith("", "users", "create", "alice", "--hash"), "no hash was given")
	require.Contains(t, o.refusedWith(good, "users", "create", "alice"), "add --hash")
	require.Empty(t, o.listed("users", "list"))
	o.okWith("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"users", "create", "alice", "--hash")
	require.Equal(t, true, o.listed("users", "list")[0]["has_password"])
}
