package authorize

import (
	"crypto/sha256"
	"encoding/base64"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

func TestCodesHoldWhatWasGranted(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	r := Request{Client: clients.Client{Client: identity.Client{ID: "shop"}}, RedirectURI: "https://shop.example/cb",
		Scope: "openid orders", Resource: "https://api.example", Challenge: challengeOf(verifier), Nonce: "n"}
	alice := signedIn("alice", time.Hour)
	alice.Method, alice.Account = "wechat", identity.AccountKey{Platform: "wechat", App: "wx1", Subject: "o"}
	text, err := newCode(set, r, alice, noon)
	require.NoError(t, err)
	code, err := OpenCode(set, text)
	require.NoError(t, err)
	require.Equal(t, "alice", code.UserID)
	require.Equal(t, alice.Account, code.By().Account)
	require.Equal(t, "n", code.Nonce)
	require.Equal(t, noon.Add(CodeLifetime).UnixMilli(), code.Expires)
	require.True(t, code.IsFor("shop", r.RedirectURI))
	require.False(t, code.IsFor("other", r.RedirectURI), "mix-up")
	require.False(t, code.IsFor("shop", r.RedirectURI+"/"))
	require.True(t, code.ProvedBy(verifier))
	require.False(t, code.ProvedBy(""))
	require.False(t, code.ProvedBy(code.Challenge), "plain")

	again, err := newCode(set, r, alice, noon)
	require.NoError(t, err)
	other, err := OpenCode(set, again)
	require.NoError(t, err)
	require.NotEqual(t, code.OpenedBy(), other.OpenedBy())
}

// TestForgedCodes: no text is a code but those of this server, in their one spelling.
func TestForgedCodes(t *testing.T) {
	t.Parallel()
	set := newSet(t)
	text, err := newCode(set, Request{RedirectURI: "https://a.example"}, signedIn("alice", 0), noon)
	require.NoError(t, err)
	for _, forged := range []string{"", codePrefix, text[1:], text + "A", text[:len(text)-4], text + "\n", " " + text,
		strings.ToUpper(text), strings.Replace(text, "_ac_", "_rt_", 1), text + strings.Repeat("A", 1024)} {
		_, err := OpenCode(set, forged)
		require.ErrorIs(t, err, ErrBadCode, forged)
	}
	_, err = OpenCode(newSet(t), text)
	require.ErrorIs(t, err, ErrBadCode, "of another server")
}

// TestGuessableVerifiers: a code_verifier has at least 43 characters (RFC 7636 §4.1). Otherwise the challenge of ""
// would be met by every request without one.
func TestGuessableVerifiers(t *testing.T) {
	t.Parallel()
	for _, short := range []string{"", "x", verifier[1:]} {
		require.False(t, Code{Challenge: challengeOf(short)}.ProvedBy(short))
	}
}

// TestStrippedChallenge: a verifier for a code without a challenge shows that somebody has removed the challenge from
// the authorization request (RFC 9700 §4.8.2).
func TestStrippedChallenge(t *testing.T) {
	t.Parallel()
	require.True(t, Code{}.ProvedBy(""))
	require.False(t, Code{}.ProvedBy("verifier"))
}

func TestCodesAreShort(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("n", 255)
	id := identity.NewSessionID()
	user := signedIn("alice", 0)
	user.ID, user.UserID, user.Account = id, id, identity.AccountKey{Platform: "wechat", App: "wx0123456789abcdef",
		Subject: strings.Repeat("o", 28)}
	r := Request{Client: clients.Client{Client: identity.Client{ID: id}}, RedirectURI: "https://a.example",
		Challenge: challengeOf("v"), Nonce: long, Scope: "openid profile email phone offline_access orders.read"}
	_, err := newCode(newSet(t), r, user, noon)
	require.NoError(t, err)
	r.Nonce = strings.Repeat("n", 43)
	all := []string{"address", "email", "email_verified", "gender", "locale", "name", "nickname", "phone_number",
		"phone_number_seen_at", "phone_number_verified", "picture", "preferred_username", "updated_at"}
	r.Claims = identity.RequestedClaims{IDToken: all, UserInfo: all}
	_, err = newCode(newSet(t), r, user, noon)
	require.NoError(t, err)
	r.Resource = "https://" + strings.Repeat("a", 500)
	_, err = newCode(newSet(t), r, user, noon)
	require.ErrorIs(t, err, errCodeTooLong)
}

func newSet(t *testing.T) *keys.Set {
	t.Helper()
	return newKeeper(t).Current()
}
