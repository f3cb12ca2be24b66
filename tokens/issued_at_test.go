package tokens

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestIssuedAtIsByTheStoresClock, by which sessions end: otherwise a list of revocations would cover tokens that were
// issued since, or miss some that were issued before.
func TestIssuedAtIsByTheStoresClock(t *testing.T) {
	for _, ahead := range []time.Duration{0, time.Hour, -time.Hour, 300 * time.Millisecond, -300 * time.Millisecond,
		-2 * time.Second} {
		issuer, users := newRoleIssuer(t)
		issuer.config.Sessions = openSessions{ahead: ahead}
		client := identity.Client{ID: "client"}
		issued, err := issuer.Issue(t.Context(), Authorization{Client: client, User: users.user, Scope: "openid",
			AuthTime: time.Now()})
		require.NoError(t, err)
		opened := issued.Session.LastSeenAt
		access, id := payload(t, issued.AccessToken), payload(t, issued.IDToken)
		require.LessOrEqual(t, access["iat"], float64(opened.Unix()), ahead)
		require.GreaterOrEqual(t, access["iat"], float64(opened.Unix()-1), ahead)
		require.Equal(t, access["iat"].(float64)+3600, access["exp"], ahead)
		require.Equal(t, access["iat"], id["iat"], ahead)
		require.Equal(t, halfHash(issued.AccessToken), id["at_hash"], ahead)

		now := opened.Add(time.Minute)
		for _, answer := range []func() (Set, error){
			func() (Set, error) {
				return issuer.Renew(t.Context(), Renewal{Client: client, Session: issued.Session, Now: now})
			},
			func() (Set, error) {
				return issuer.Reissue(t.Context(), Authorization{Client: client, User: users.user}, issued.Session, now)
			},
		} {
			set, err := answer()
			require.NoError(t, err)
			require.EqualValues(t, now.Unix(), payload(t, set.AccessToken)["iat"], ahead)
		}
	}
}
