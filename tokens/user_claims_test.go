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

// asked is a store of one user that counts how often it is asked. All else of it is nil.
type asked struct {
	identity.Users
	user  identity.User
	err   error
	times int
}

func (a *asked) Find(context.Context, string) (identity.User, error) {
	a.times++
	return a.user, a.err
}

// opened opens every session.
type opened struct{ identity.Sessions }

func (opened) Open(_ context.Context, session identity.Session, _ int64, _ identity.Lifetimes,
	_ int) (identity.Session, error) {
	return session, nil
}

// unknown are people who said nothing of themselves.
type unknown struct{ identity.Profiles }

func (unknown) Find(context.Context, string) (identity.Details, error) {
	return identity.Details{}, nil
}

func newRoleIssuer(t *testing.T) (*Issuer, *asked) {
	t.Helper()
	issuer := newIssuer(t)
	users := &asked{user: identity.User{ID: "u_a", Roles: []string{"admin", "shop:write"},
		Claims: `{"sub":"u_b","roles":["root"],"名":"<令牌>"}`}}
	issuer.config.Users, issuer.config.Profiles, issuer.config.Sessions = users, unknown{}, opened{}
	return issuer, users
}

// payload is a token's second part, as a verifier sees it.
func payload(t *testing.T, token string) map[string]any {
	t.Helper()
	text, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(text, &claims))
	return claims
}

func TestUserClaimsStandInAccessTokensOnlyIfTheScopeAsks(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	roles, ext := []any{"admin", "shop:write"}, map[string]any{"sub": "u_b", "roles": []any{"root"}, "名": "<令牌>"}
	for scope, want := range map[string]struct{ roles, ext any }{
		"": {}, "openid profile": {}, "roles": {roles, nil}, "claims": {nil, ext},
		"openid roles api claims": {roles, ext}, "role claim roles2": {},
	} {
		client := identity.Client{ID: "client", Audience: []string{"https://api.example.com"}}
		issued, err := issuer.Issue(t.Context(), Authorization{Client: client, User: users.user, Scope: scope,
			Method: identity.MethodPassword, AuthTime: time.Now()})
		require.NoError(t, err)
		renewed, err := issuer.Renew(t.Context(), Renewal{Client: client, Session: issued.Session, Scope: scope,
			WithIDToken: true})
		require.NoError(t, err)
		for _, set := range []Set{issued, renewed} {
			claims := payload(t, set.AccessToken)
			require.Equal(t, want.roles, claims["roles"], scope)
			require.Equal(t, want.ext, claims["ext"], scope)
			require.Equal(t, "u_a", claims["sub"], "whatever an operator writes")
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

func TestARefreshAsksForTheUserOnlyIfItsScopeDoes(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	renew := func(scope string) (Set, error) {
		users.times = 0
		return issuer.Renew(t.Context(), Renewal{Session: identity.Session{UserID: "u_a"}, Scope: scope})
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
	require.Equal(t, []any{"guest"}, claims["roles"], "what is true now")
	require.NotContains(t, claims, "ext")
	users.user.Roles = nil
	set, err = renew("roles claims")
	require.NoError(t, err)
	require.NotContains(t, payload(t, set.AccessToken), "roles", "none")

	users.err = errors.New("the store is gone")
	_, err = renew("roles")
	require.ErrorIs(t, err, users.err, "an answer without roles would be taken for none")
	_, err = renew("api")
	require.NoError(t, err)
}

// TestAUserWithAllThatMayBeSaidFitsAHeader: the usual bound of proxies for one is 8 KiB.
func TestAUserWithAllThatMayBeSaidFitsAHeader(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	users.user.Roles = nil
	for range identity.MaxRoles {
		users.user.Roles = append(users.user.Roles, strings.Repeat("r", 64))
	}
	users.user.Claims = identity.Claims(`{"a":"` + strings.Repeat("x", 1016) + `"}`)
	set, err := issuer.Renew(t.Context(), Renewal{Session: identity.Session{UserID: "u_a"}, Scope: "roles claims"})
	require.NoError(t, err)
	require.Less(t, len(set.AccessToken), 6<<10)
}

// verbose are people who wrote as much as they may, of what a careless writer of JSON makes six bytes each.
type verbose struct{ identity.Profiles }

func (verbose) Find(context.Context, string) (identity.Details, error) {
	return identity.Details{Profile: identity.Profile{
		Name: strings.Repeat("&", 128), Nickname: strings.Repeat("<", 128), Picture: "https://a.b/?" +
			strings.Repeat("&", 499), Gender: strings.Repeat("g", 32),
		Email: strings.Repeat("&", 249) + "@a.b",
	}, Phone: identity.Phone{Number: "+861234567890123"}}, nil
}

// TestTheLongestProfileDoesNotKeepItsUserOut: whoever borrows a token could write one that no ID token can hold.
func TestTheLongestProfileDoesNotKeepItsUserOut(t *testing.T) {
	issuer, users := newRoleIssuer(t)
	issuer.config.Profiles = verbose{}
	users.user.Username = strings.Repeat("&", 128)
	users.user.Claims = identity.Claims(`{"a":"` + strings.Repeat("&", 1000) + `"}`)
	client := identity.Client{ID: "client", Audience: []string{"https://api.example.com"}}
	_, err := issuer.Issue(t.Context(), Authorization{
		Client: client, User: users.user, Scope: "openid profile email phone roles claims",
		Method: identity.MethodPassword, AuthTime: time.Now(),
	})
	require.NoError(t, err)
}
