package tokens

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// countingUsers is a store of one user that counts calls of Find. Its other methods panic.
type countingUsers struct {
	identity.Users
	user  identity.User
	err   error
	times int
}

func (a *countingUsers) Find(context.Context, string) (identity.User, error) {
	a.times++
	return a.user, a.err
}

// openSessions is a store that opens every session.
type openSessions struct {
	identity.Sessions
	ahead time.Duration // of its clock
}

func (s openSessions) Open(_ context.Context, session identity.Session, _ int64, lifetimes identity.Lifetimes,
	_ int) (identity.Session, error) {
	session.LastSeenAt = time.Now().Add(s.ahead)
	session.ExpiresAt = session.LastSeenAt.Add(lifetimes.Absolute)
	return session, nil
}

// emptyProfiles is a store in which all profiles are empty.
type emptyProfiles struct{ identity.Profiles }

func (emptyProfiles) Find(context.Context, string) (identity.Details, error) {
	return identity.Details{}, nil
}

func newRoleIssuer(t *testing.T) (*Issuer, *countingUsers) {
	t.Helper()
	issuer := newIssuer(t)
	users := &countingUsers{user: identity.User{ID: "u_a", Roles: []string{"admin", "shop:write"},
		Claims: `{"sub":"u_b","roles":["root"],"名":"<令牌>"}`}}
	issuer.config.Users, issuer.config.Profiles, issuer.config.Sessions = users, emptyProfiles{}, openSessions{}
	return issuer, users
}

// payload returns a token's claims as a verifier sees them.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims
}

func TestUserClaimsAreInAccessTokensOnlyIfRequested(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	roles, ext := []any{"admin", "shop:write"}, map[string]any{"sub": "u_b", "roles": []any{"root"}, "名": "<令牌>"}
	for scope, want := range map[string]struct{ roles, ext any }{
		"": {}, "openid profile": {}, "roles": {roles, nil}, "claims": {nil, ext},
		"openid roles api claims": {roles, ext}, "role claim roles2": {},
	} {
		client := identity.Client{ID: "client", Audience: []string{"https://api.example.com"}}
		issued, err := issuer.Issue(t.Context(), Authorization{Client: client, User: users.user, Scope: scope,
			Target: Target{Scope: scope}, Method: identity.MethodPassword, AuthTime: time.Now()})
		require.NoError(t, err)
		renewed, err := issuer.Renew(t.Context(), Renewal{Client: client, Session: issued.Session, Now: time.Now(),
			Scope: scope, Target: Target{Scope: scope}, WithIDToken: true})
		require.NoError(t, err)
		for _, set := range []Set{issued, renewed} {
			claims := payload(t, set.AccessToken)
			require.Equal(t, want.roles, claims["roles"], scope)
			require.Equal(t, want.ext, claims["ext"], scope)
			require.Equal(t, "u_a", claims["sub"], "ext cannot replace it")
			if set.IDToken != "" {
				require.NotContains(t, payload(t, set.IDToken), "roles")
				require.NotContains(t, payload(t, set.IDToken), "ext")
			}
			read, err := issuer.ReadAccessToken(set.AccessToken)
			require.NoError(t, err)
			require.Equal(t, want.roles != nil, len(read.Roles) == 2)
			require.Equal(t, want.ext != nil, read.Ext != "")
			require.Equal(t, "u_a", read.Subject)
		}
	}
}

func TestRefreshReadsTheUserOnlyIfTheScopeNeedsIt(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	renew := func(scope string) (Set, error) {
		users.times = 0
		return issuer.Renew(t.Context(), Renewal{Session: identity.Session{UserID: "u_a"}, Now: time.Now(),
			Target: Target{Scope: scope}})
	}
	for scope, times := range map[string]int{"": 0, "openid profile offline_access api": 0, "roles": 1, "claims": 1,
		"roles claims": 1} {
		_, err := renew(scope)
		require.NoError(t, err)
		require.Equal(t, times, users.times, scope)
	}
	users.user.Roles, users.user.Claims = []string{"guest"}, ""
	set, err := renew("roles claims")
	require.NoError(t, err)
	claims := payload(t, set.AccessToken)
	require.Equal(t, []any{"guest"}, claims["roles"], "the current roles")
	require.NotContains(t, claims, "ext")
	users.user.Roles = nil
	set, err = renew("roles claims")
	require.NoError(t, err)
	require.NotContains(t, payload(t, set.AccessToken), "roles", "none")

	users.err = errors.New("connection refused")
	_, err = renew("roles")
	require.ErrorIs(t, err, users.err, "a token without roles would mean that the user has none")
	_, err = renew("api")
	require.NoError(t, err)
}

// TestLargestUserClaimsFitAHeader: the usual limit of proxies for a header is 8 KiB.
func TestLargestUserClaimsFitAHeader(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	users.user.Roles = nil
	for range identity.MaxRoles {
		users.user.Roles = append(users.user.Roles, strings.Repeat("r", 64))
	}
	users.user.Claims = identity.Claims(`{"a":"` + strings.Repeat("x", 1016) + `"}`)
	set, err := issuer.Renew(t.Context(), Renewal{Session: identity.Session{UserID: "u_a"}, Now: time.Now(),
		Target: Target{Scope: "roles claims"}})
	require.NoError(t, err)
	require.Less(t, len(set.AccessToken), 6<<10)
}

// longProfiles is a store with the longest possible profile, whose characters HTML escaping would turn into six bytes
// each.
type longProfiles struct{ identity.Profiles }

func (longProfiles) Find(context.Context, string) (identity.Details, error) {
	return identity.Details{Profile: identity.Profile{
		Name: strings.Repeat("&", 128), Nickname: strings.Repeat("<", 128), Picture: "https://a.b/?" +
			strings.Repeat("&", 499), Gender: strings.Repeat("g", 32),
		Email: strings.Repeat("&", 249) + "@a.b", Address: strings.Repeat("&", 200),
	}, Phone: identity.Phone{Number: "+861234567890123"}}, nil
}

// TestLongestProfileFitsAnIDToken: otherwise a thief with an access token could lock the user out with a long profile.
func TestLongestProfileFitsAnIDToken(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	issuer.config.Profiles = longProfiles{}
	users.user.Username = strings.Repeat("&", 128)
	users.user.Claims = identity.Claims(`{"a":"` + strings.Repeat("&", 1000) + `"}`)
	client := identity.Client{ID: "client", Audience: []string{"https://api.example.com"}}
	_, err := issuer.Issue(t.Context(), Authorization{
		Client: client, User: users.user, Scope: "openid profile email phone address roles claims",
		Target: Target{Scope: "openid profile email roles claims"}, Method: identity.MethodPassword,
		AuthTime: time.Now(),
	})
	require.NoError(t, err)
}
