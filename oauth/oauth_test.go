package oauth_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

func TestErrorsIsFindsCodeAndCause(t *testing.T) {
	cause := errors.New("the disk is full")
	err := fmt.Errorf("sign-in: %w", &oauth.Error{Code: oauth.InvalidGrant, Description: "Sign in again.",
		Cause: cause})
	require.ErrorIs(t, err, oauth.InvalidGrant)
	require.ErrorIs(t, err, cause)
	require.NotErrorIs(t, err, oauth.InvalidClient)
	require.EqualError(t, err, "sign-in: invalid_grant: Sign in again.: the disk is full")
	require.EqualError(t, oauth.NewError(oauth.InvalidScope, "No."), "invalid_scope: No.")
	require.NotErrorIs(t, oauth.NewError(oauth.TooManyRequests, ""), oauth.TemporarilyUnavailable,
		"they have the same name")
}

func TestEveryCodeIsAnError(t *testing.T) {
	seen := map[oauth.Code]bool{}
	for _, code := range oauth.Codes() {
		require.False(t, seen[code], code)
		seen[code] = true
		require.Regexp(t, `^[a-z]+(_[a-z]+)*$`, code.Error())
		require.GreaterOrEqual(t, code.Status(), http.StatusBadRequest)
	}
}

func TestStoreFailed(t *testing.T) {
	down := oauth.StoreFailed(errors.New("connection refused"))
	require.Equal(t, oauth.TemporarilyUnavailable, down.Code)
	require.Equal(t, 2*time.Second, down.RetryAfter)
	require.NotContains(t, down.Description, "refused")
	sealed := oauth.StoreFailed(fmt.Errorf("%w: wrong master key", identity.ErrUnusable))
	require.Equal(t, oauth.ServerError, sealed.Code)
	require.Zero(t, sealed.RetryAfter)
}

func TestParseScope(t *testing.T) {
	names, err := oauth.ParseScope("openid api openid")
	require.NoError(t, err)
	require.Equal(t, []string{"openid", "api"}, names)
	names, err = oauth.ParseScope("  openid   api ")
	require.NoError(t, err)
	require.Equal(t, []string{"openid", "api"}, names, "extra spaces")
	for _, bad := range []string{
		"", " ", "a\"b", `a\b`, "a\tb", "\u00e9", strings.Repeat("a", 1025),
	} {
		_, err := oauth.ParseScope(bad)
		require.ErrorIs(t, err, oauth.InvalidScope, "%q", bad)
	}
	require.True(t, oauth.HasScope("openid api.write", "api.write"))
	require.False(t, oauth.HasScope("openid api.write", "api"))
	require.False(t, oauth.HasScope("", ""))
}

func TestVisible(t *testing.T) {
	require.True(t, oauth.Visible("!~azAZ09"))
	for _, hidden := range []string{" ", "a b", "\x7f", "\x00", "\u4ee4", "a\n"} {
		require.False(t, oauth.Visible(hidden), "%q", hidden)
	}
}

func TestValidCode(t *testing.T) {
	require.True(t, oauth.ValidCode(strings.Repeat("c", 512)))
	for _, code := range []string{"", "a b", strings.Repeat("c", 513)} {
		require.False(t, oauth.ValidCode(code), "%q", code)
	}
}

func TestParameters(t *testing.T) {
	p := oauth.Parameters{"code": {"x"}}
	require.Equal(t, "x", p.Get("code"))
	require.Empty(t, p.Get("state"))
	require.Empty(t, oauth.Parameters(nil).Get("code"))
}
