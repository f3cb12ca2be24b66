package conformance_test

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwa"
	"github.com/lestrrat-go/jwx/v2/jws"
	"github.com/stretchr/testify/require"
)

// skew is by how much clocks may differ, for the suite.
const skew = 5 * time.Minute

// idToken is an ID token, or another token that the server signs.
type idToken struct {
	token  string
	claims map[string]any
}

func (i idToken) text(name string) string {
	text, _ := i.claims[name].(string)
	return text
}

// seconds returns a claim that is a time, or -1.
func (i idToken) seconds(name string) int64 {
	number, ok := i.claims[name].(float64)
	if !ok {
		return -1
	}
	return int64(number)
}

// readIDToken verifies the signature of a token: it is RS256, by a key of the published set that has its kid.
func (s *system) readIDToken(t *testing.T, token string) idToken {
	t.Helper()
	message, err := jws.Parse([]byte(token))
	require.NoError(t, err)
	header := message.Signatures()[0].ProtectedHeaders()
	require.Equal(t, jwa.RS256, header.Algorithm())
	require.NotEmpty(t, header.KeyID())
	payload, err := jws.Verify([]byte(token), jws.WithKeySet(s.keys))
	require.NoError(t, err)
	read := idToken{token: token}
	require.NoError(t, json.Unmarshal(payload, &read.claims))
	return read
}

// checkIDToken makes the checks of all modules (OpenID Connect Core §3.1.3.7).
func (r *run) checkIDToken(id idToken, request map[string][]string) {
	r.t.Helper()
	require.Equal(r.t, r.s.issuer, id.text("iss"))
	if list, ok := id.claims["aud"].([]any); ok {
		require.Contains(r.t, list, r.client.id)
	} else {
		require.Equal(r.t, r.client.id, id.text("aud"))
	}
	require.NotEmpty(r.t, id.text("sub"))
	require.LessOrEqual(r.t, len(id.text("sub")), 255)
	now := time.Now()
	require.True(r.t, time.Unix(id.seconds("exp"), 0).After(now.Add(-skew)))
	require.True(r.t, time.Unix(id.seconds("exp"), 0).Before(now.AddDate(50, 0, 0)))
	require.WithinDuration(r.t, now, time.Unix(id.seconds("iat"), 0), skew)
	if _, ok := id.claims["auth_time"]; ok {
		require.WithinRange(r.t, time.Unix(id.seconds("auth_time"), 0), now.AddDate(-1, 0, 0), now.Add(skew))
	}
	require.Equal(r.t, strings.Join(request["nonce"], ""), id.text("nonce"))
	if acr, ok := id.claims["acr"]; ok {
		require.NotEmpty(r.t, acr)
	}
	checkStandardClaims(r.t, id.claims)
}

// textClaims are the standard claims about a user that are text (OpenID Connect Core §5.1).
var textClaims = []string{"sub", "name", "given_name", "family_name", "middle_name", "nickname", "preferred_username",
	"profile", "picture", "website", "email", "gender", "birthdate", "zoneinfo", "locale", "phone_number"}

// checkStandardClaims checks the form of the standard claims that there are.
func checkStandardClaims(t *testing.T, claims map[string]any) {
	t.Helper()
	for name, value := range claims {
		switch {
		case slices.Contains(textClaims, name):
			require.NotEmpty(t, value, name)
			require.IsType(t, "", value, name)
		case name == "email_verified" || name == "phone_number_verified":
			require.IsType(t, true, value, name)
		case name == "updated_at":
			require.IsType(t, 0.0, value, name)
			require.Less(t, value, float64(time.Now().Add(skew).Unix()), "it is in seconds")
		case name == "address":
			require.IsType(t, map[string]any{}, value, name)
		}
	}
}

// atHash returns the at_hash of an access token (OpenID Connect Core §3.1.3.6).
func atHash(access string) string {
	sum := sha256.Sum256([]byte(access))
	return base64.RawURLEncoding.EncodeToString(sum[:len(sum)/2])
}

// entropy estimates the entropy of a text in bits, by Shannon's formula over its characters.
func entropy(text string) (bits float64) {
	counts := map[rune]float64{}
	for _, character := range text {
		counts[character]++
	}
	for _, count := range counts {
		bits -= count * math.Log2(count/float64(len(text)))
	}
	return bits
}
