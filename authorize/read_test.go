package authorize

import (
	"context"
	"encoding/base64"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
)

const (
	issuer   = "https://id.example"
	callback = "https://shop.example/cb?tenant=1"
	verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
)

// newDatabase returns an empty SQLite database.
func newDatabase(t *testing.T) *sql.DB {
	t.Helper()
	database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + t.TempDir() + "/lingpai.db?synchronous=off"})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close()) })
	_, err = database.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	return database
}

var masterKey = sync.OnceValues(func() (string, error) { return keys.NewMasterKey(noon) })

func newKeeper(t *testing.T) *keys.Keeper {
	t.Helper()
	master, err := masterKey()
	require.NoError(t, err)
	ring, err := keys.ParseRing(master)
	require.NoError(t, err)
	keeper, err := keys.Open(t.Context(), newDatabase(t).Keys(), ring, keys.Options{Now: time.Now})
	require.NoError(t, err)
	return keeper
}

// newService returns a service with the client "shop", whose record can be changed.
func newService(t *testing.T, change ...func(*identity.Client)) *Service {
	t.Helper()
	database := newDatabase(t)
	client := identity.Client{ID: "shop", Name: "Shop", Grants: []string{oauth.GrantAuthorizationCode},
		Scopes: []string{"openid", "profile", "orders"}, DefaultScopes: []string{"openid"},
		RedirectURIs: []string{callback}}
	for _, do := range change {
		do(&client)
	}
	require.NoError(t, database.Clients().Create(t.Context(), client))
	keeper := newKeeper(t)
	return New(Config{Issuer: issuer, Methods: []string{identity.MethodPassword},
		Clients: clients.NewRegistry(clients.Config{Store: database.Clients(),
			Issuer: issuer, Now: time.Now, Logger: slog.New(slog.DiscardHandler)}),
		Tokens: tokens.New(tokens.Config{Issuer: issuer, Keys: keeper, Now: time.Now}), Keys: keeper,
		Logger: slog.New(slog.DiscardHandler)})
}

// form returns a valid request with some parameters changed; an empty value removes one.
func form(changes ...string) url.Values {
	values := url.Values{"client_id": {"shop"}, "redirect_uri": {callback}, "response_type": {"code"},
		"code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"}, "state": {"s"},
		"scope": {"openid"}}
	for n := 0; n < len(changes); n += 2 {
		values.Set(changes[n], changes[n+1])
		if changes[n+1] == "" {
			values.Del(changes[n])
		}
	}
	return values
}

func TestRead(t *testing.T) {
	t.Parallel()
	s := newService(t)
	r, err := s.Read(t.Context(), form("nonce", "n", "prompt", "login consent", "max_age", "0", "login_hint", "alice",
		"ui_locales", "zh-CN en", "display", "popup", "acr_values", "x", "claims", "{}", "unknown", "1",
		"response_mode", "form_post"))
	require.NoError(t, err)
	require.Equal(t, "shop", r.Client.ID)
	require.True(t, r.FormPost)
	require.True(t, r.asks(promptLogin) && r.asks(promptConsent))
	require.Zero(t, r.MaxAge)
	require.Equal(t, "openid", r.Scope)
	again, err := url.ParseQuery(r.Query())
	require.NoError(t, err)
	require.NotContains(t, again, "unknown")
	second, err := s.Read(t.Context(), again)
	require.NoError(t, err)
	require.Equal(t, r, second, "a request that is carried on stays the same")

	plain, err := s.Read(t.Context(), form("scope", ""))
	require.NoError(t, err)
	require.Equal(t, "openid", plain.Scope, "the client's default")
	require.Negative(t, plain.MaxAge)
}

// TestUnprovedRequests: nothing is sent to an address that is not registered (open redirect, RFC 9700 §4.11).
func TestUnprovedRequests(t *testing.T) {
	t.Parallel()
	s := newService(t)
	twice := form()
	twice.Add("redirect_uri", callback)
	twiceClient := form()
	twiceClient.Add("client_id", "shop")
	for name, values := range map[string]url.Values{
		"no client": form("client_id", ""), "unknown client": form("client_id", "nobody"),
		"hostile client": form("client_id", "a\x00b"), "no redirect URI": form("redirect_uri", ""),
		"redirect URI twice": twice, "client twice": twiceClient,
		"another host": form("redirect_uri", "https://evil.example/cb?tenant=1"),
		"another path": form("redirect_uri", callback+"/x"), "a fragment": form("redirect_uri", callback+"#x"),
		"userinfo":    form("redirect_uri", "https://shop.example@evil.example/cb?tenant=1"),
		"a backslash": form("redirect_uri", `https://shop.example\@evil.example/cb?tenant=1`),
		"encoded":     form("redirect_uri", "https%3A%2F%2Fshop.example%2Fcb%3Ftenant%3D1"),
		"upper case":  form("redirect_uri", strings.ToUpper(callback)), "a port": form("redirect_uri",
			"https://shop.example:443/cb?tenant=1"),
	} {
		r, err := s.Read(t.Context(), values)
		require.Error(t, err, name)
		require.False(t, r.Proved(), name)
	}
}

func TestRefusedRequests(t *testing.T) {
	t.Parallel()
	s := newService(t)
	twice := form()
	twice.Add("scope", "openid")
	resources := form("resource", "https://a.example")
	resources.Add("resource", "https://b.example")
	for name, c := range map[string]struct {
		values url.Values
		want   error
	}{
		"no response type":       {form("response_type", ""), oauth.InvalidRequest},
		"implicit":               {form("response_type", "token"), oauth.UnsupportedResponseType},
		"hybrid":                 {form("response_type", "code id_token"), oauth.UnsupportedResponseType},
		"fragment":               {form("response_mode", "fragment"), oauth.InvalidRequest},
		"no PKCE":                {form("code_challenge", "", "code_challenge_method", ""), oauth.InvalidRequest},
		"PKCE without a method":  {form("code_challenge_method", ""), oauth.InvalidRequest},
		"plain PKCE":             {form("code_challenge_method", "plain"), oauth.InvalidRequest},
		"a method alone":         {form("code_challenge", ""), oauth.InvalidRequest},
		"a short challenge":      {form("code_challenge", "abc"), oauth.InvalidRequest},
		"a padded challenge":     {form("code_challenge", challengeOf(verifier)+"="), oauth.InvalidRequest},
		"a broken line":          {form("code_challenge", challengeOf(verifier)+"\n"), oauth.InvalidRequest},
		"another scope":          {form("scope", "openid admin"), oauth.InvalidScope},
		"another resource":       {form("resource", "https://a.example"), oauth.InvalidTarget},
		"two resources":          {resources, oauth.InvalidTarget},
		"repeated":               {twice, oauth.InvalidRequest},
		"unknown prompt":         {form("prompt", "create"), oauth.InvalidRequest},
		"prompt none and login":  {form("prompt", "none login"), oauth.InvalidRequest},
		"negative age":           {form("max_age", "-1"), oauth.InvalidRequest},
		"age in words":           {form("max_age", "1h"), oauth.InvalidRequest},
		"request object":         {form("request", "e30.e30."), oauth.RequestNotSupported},
		"request URI":            {form("request_uri", "urn:x"), oauth.RequestURINotSupported},
		"registration":           {form("registration", "{}"), oauth.RegistrationNotSupported},
		"foreign hint":           {form("id_token_hint", "e30.e30.e30"), oauth.InvalidRequest},
		"long nonce":             {form("nonce", strings.Repeat("n", 256)), oauth.InvalidRequest},
		"long state":             {form("state", strings.Repeat("n", 1025)), oauth.InvalidRequest},
		"long hint":              {form("login_hint", strings.Repeat("n", 256)), oauth.InvalidRequest},
		"long together":          {form("state", strings.Repeat("%", 700)), oauth.InvalidRequest},
		"control characters":     {form("login_hint", "a\x00"), oauth.InvalidRequest},
		"not UTF-8":              {form("login_hint", "\xff"), oauth.InvalidRequest},
		"control chars in state": {form("state", "a\r\nb"), oauth.InvalidRequest},
	} {
		r, err := s.Read(t.Context(), c.values)
		require.ErrorIs(t, err, c.want, name)
		require.True(t, r.Proved(), name)
		answer := s.Refuse(r, err.(*oauth.Error))
		require.Equal(t, callback, answer.RedirectURI)
		require.Equal(t, issuer, answer.Parameters.Get("iss"), name)
		require.True(t, strings.HasPrefix(answer.URL(), callback+"&error="), answer.URL())
	}
}

// TestOptionalPKCE: only a confidential client whose record says so may do without.
func TestOptionalPKCE(t *testing.T) {
	t.Parallel()
	without := form("code_challenge", "", "code_challenge_method", "")
	read := func(change func(*identity.Client)) error {
		_, err := newService(t, change).Read(context.Background(), without)
		return err
	}
	require.NoError(t, read(func(c *identity.Client) { c.Confidential, c.OptionalPKCE = true, true }))
	require.ErrorIs(t, read(func(c *identity.Client) { c.Confidential = true }), oauth.InvalidRequest)
	require.ErrorIs(t, read(func(c *identity.Client) { c.OptionalPKCE = true }), oauth.InvalidRequest)
}

// TestHostsOfApps: what follows the scheme of an app names no host that the browser is sent to, though it may look so.
func TestHostsOfApps(t *testing.T) {
	t.Parallel()
	for uri, host := range map[string]string{
		"https://shop.example:8443/cb":         "shop.example:8443",
		"http://[::1]:5000/":                   "[::1]:5000",
		"com.example.app:/cb":                  "com.example.app",
		"com.example.app://bank.example/cb":    "com.example.app",
		"com.example.app:https://bank.example": "com.example.app",
	} {
		require.Equal(t, host, Request{RedirectURI: uri}.Host())
	}
}

// TestRequestObjects are refused, and their client can read the refusal: it comes as the object says, with its state.
func TestRequestObjects(t *testing.T) {
	t.Parallel()
	s := newService(t)
	refused := func(payload string, changes ...string) Request {
		object := "e30." + base64.RawURLEncoding.EncodeToString([]byte(payload)) + "."
		r, err := s.Read(t.Context(), form(append(changes, "request", object)...))
		failure, ok := errors.AsType[*oauth.Error](err)
		require.True(t, ok)
		require.Equal(t, oauth.RequestNotSupported, failure.Code)
		return r
	}
	const object = `{"state":"in the object","response_mode":"form_post","redirect_uri":"https://evil.example/cb"}`
	r := refused(object, "state", "")
	require.Equal(t, "in the object", r.State)
	require.True(t, r.FormPost)
	require.Equal(t, callback, r.RedirectURI)
	r = refused(object, "response_mode", "query")
	require.Equal(t, "s", r.State, "parameters come first")
	require.False(t, r.FormPost)
	for _, other := range []string{``, `null`, `[]`, `{"state":1}`, `{"state":"\u0000"}`, `{"state":"` +
		strings.Repeat("x", maxState+1) + `"}`, strings.Repeat("[", 10_000), `{"response_mode":"fragment"}`} {
		r = refused(other, "state", "")
		require.Empty(t, r.State, other)
		require.False(t, r.FormPost, other)
	}
}
