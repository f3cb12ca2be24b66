package identity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func TestValidSubject(t *testing.T) {
	for _, id := range []string{
		"1", "42", "alice@example.com", "~!{}'\"<>\\", "U_x", "u", "_", "550e8400-e29b-41d4-a716-446655440000",
		strings.Repeat("x", 255), identity.NewUserID(),
		"u_AAAAAAAAAAAAAAAAAAAAAA",
	} {
		require.NoError(t, identity.ValidSubject(id), "%q", id)
	}
	for _, id := range []string{
		"", " ", "a b", "a\n", "\x00", "a\x7f", "é", "令牌", "\xff", strings.Repeat("x", 256),
		"u_", "u_x", "u_" + strings.Repeat("A", 21), "u_" + strings.Repeat("A", 23), "u_" + strings.Repeat("A",
			21) + "B", "u_" + strings.Repeat("+", 22),
		"u_" + strings.Repeat("A", 20) + "==",
	} {
		require.Error(t, identity.ValidSubject(id), "%q", id)
	}
}

// TestOnePersonHasOneUnionID at an Open Platform account: a row with two is of two people, and would give one
// of them the other's accounts.
func TestOnePersonHasOneUnionID(t *testing.T) {
	at := func(app, openPlatform, union string) identity.ExternalIdentity {
		return identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat, App: app,
			Subject: "o"}, OpenPlatform: openPlatform, UnionID: union}
	}
	require.NoError(t, identity.ImportedUser{Identities: []identity.ExternalIdentity{at("a", "op", "u"), at("b", "op",
		"u"),
		at("c", "op2", "v"), at("d", "op", "")}}.Check())
	require.ErrorContains(t, identity.ImportedUser{Identities: []identity.ExternalIdentity{at("a", "op", "u"),
		at("b", "op", "v")}}.Check(), "two people")
}
