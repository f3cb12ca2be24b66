package authorize

import (
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

var noon = time.Date(2026, 11, 29, 12, 0, 0, 0, time.UTC)

// signedIn returns a user whose sign-in was some time before noon.
func signedIn(name string, ago time.Duration) identity.SignedIn {
	session := identity.BrowserSession{ID: "session of " + name, UserID: name, AuthTime: noon.Add(-ago)}
	return identity.SignedIn{BrowserSession: session, User: identity.User{ID: name}}
}

// TestDecide is the table of what a request is answered with. The client is the operator's own, at a web address.
func TestDecide(t *testing.T) {
	t.Parallel()
	alice, bob := signedIn("alice", time.Hour), signedIn("bob", time.Minute)
	seen := func(ago time.Duration, chosen string) Seen { return Seen{At: noon.Add(-ago), Chosen: chosen} }
	for name, c := range map[string]struct {
		users   []identity.SignedIn
		prompt  []string
		maxAge  time.Duration // 0: absent
		subject string
		seen    Seen
		want    Step
		user    string
		failed  error
	}{
		"nobody":                                 {want: StepSignIn},
		"nobody, silently":                       {prompt: []string{"none"}, want: StepError, failed: oauth.LoginRequired},
		"one":                                    {users: []identity.SignedIn{alice}, want: StepCode, user: "alice"},
		"one, silently":                          {users: []identity.SignedIn{alice}, prompt: []string{"none"}, want: StepCode, user: "alice"},
		"two":                                    {users: []identity.SignedIn{alice, bob}, want: StepChoose},
		"two, silently":                          {users: []identity.SignedIn{alice, bob}, prompt: []string{"none"}, want: StepError, failed: oauth.AccountSelectionRequired},
		"two and a hint":                         {users: []identity.SignedIn{alice, bob}, subject: "bob", want: StepCode, user: "bob"},
		"two and a hint, silently":               {users: []identity.SignedIn{alice, bob}, subject: "bob", prompt: []string{"none"}, want: StepCode, user: "bob"},
		"a hint to somebody else":                {users: []identity.SignedIn{alice}, subject: "bob", want: StepSignIn},
		"a hint to somebody else, silently":      {users: []identity.SignedIn{alice}, subject: "bob", prompt: []string{"none"}, want: StepError, failed: oauth.LoginRequired},
		"two, chosen":                            {users: []identity.SignedIn{alice, bob}, seen: seen(time.Minute, alice.ID), want: StepCode, user: "alice"},
		"chosen, but signed out since":           {users: []identity.SignedIn{bob}, seen: seen(time.Minute, alice.ID), want: StepCode, user: "bob"},
		"chosen against the hint":                {users: []identity.SignedIn{alice, bob}, subject: "bob", seen: seen(time.Minute, alice.ID), want: StepCode, user: "bob"},
		"one, selecting":                         {users: []identity.SignedIn{alice}, prompt: []string{"select_account"}, want: StepChoose},
		"one, selected":                          {users: []identity.SignedIn{alice}, prompt: []string{"select_account"}, seen: seen(time.Minute, alice.ID), want: StepCode, user: "alice"},
		"signing in again":                       {users: []identity.SignedIn{alice}, prompt: []string{"login"}, want: StepSignIn, user: "alice"},
		"signed in before the request was seen":  {users: []identity.SignedIn{alice}, prompt: []string{"login"}, seen: seen(30*time.Minute, alice.ID), want: StepSignIn, user: "alice"},
		"signed in again":                        {users: []identity.SignedIn{bob}, prompt: []string{"login"}, seen: seen(2*time.Minute, bob.ID), want: StepCode, user: "bob"},
		"signed in when the request was seen":    {users: []identity.SignedIn{bob}, prompt: []string{"login"}, seen: seen(time.Minute, bob.ID), want: StepCode, user: "bob"},
		"young enough":                           {users: []identity.SignedIn{alice}, maxAge: time.Hour, want: StepCode, user: "alice"},
		"too old":                                {users: []identity.SignedIn{alice}, maxAge: time.Hour - time.Second, want: StepSignIn, user: "alice"},
		"too old, silently":                      {users: []identity.SignedIn{alice}, maxAge: time.Minute, prompt: []string{"none"}, want: StepError, failed: oauth.LoginRequired},
		"too old, but signed in for the request": {users: []identity.SignedIn{bob}, maxAge: time.Second, seen: seen(2*time.Minute, bob.ID), want: StepCode, user: "bob"},
		"asking for consent":                     {users: []identity.SignedIn{alice}, prompt: []string{"consent"}, want: StepConsent, user: "alice"},
		"consent of the user":                    {users: []identity.SignedIn{alice}, prompt: []string{"consent"}, seen: Seen{At: noon, Chosen: alice.ID, Consented: true}, want: StepCode, user: "alice"},
		"consent of another user":                {users: []identity.SignedIn{alice}, prompt: []string{"consent"}, seen: Seen{At: noon, Chosen: bob.ID, Consented: true}, want: StepConsent, user: "alice"},
	} {
		r := Request{RedirectURI: "https://shop.example/cb", Prompt: c.prompt, MaxAge: -1, Subject: c.subject}
		if c.maxAge > 0 {
			r.MaxAge = c.maxAge
		}
		got, err := decide(r, situation{sessions: c.users, seen: c.seen, now: noon,
			consents: func(identity.SignedIn) (bool, error) { return true, nil }})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got.step, name)
		require.Equal(t, c.user, got.user.UserID, name)
		if c.failed != nil {
			require.ErrorIs(t, got.failed, c.failed, name)
		}
	}
}

// TestConsentIsAskedFor: an earlier consent counts only where no other program can play the client (RFC 8252 §8.6).
func TestConsentIsAskedFor(t *testing.T) {
	t.Parallel()
	alice := signedIn("alice", time.Hour)
	for name, c := range map[string]struct {
		client     identity.Client
		redirect   string
		remembered bool
		want       Step
	}{
		"web, remembered":               {identity.Client{}, "https://a.example/", true, StepCode},
		"web, new":                      {identity.Client{}, "https://a.example/", false, StepConsent},
		"loopback":                      {identity.Client{}, "http://127.0.0.1/", true, StepConsent},
		"an app's own scheme":           {identity.Client{}, "com.example.app:/cb", true, StepConsent},
		"first party at loopback":       {identity.Client{FirstParty: true}, "http://127.0.0.1/", true, StepConsent},
		"confidential at loopback":      {identity.Client{Confidential: true}, "http://127.0.0.1/", true, StepCode},
		"asks always":                   {identity.Client{AlwaysConsent: true}, "https://a.example/", true, StepConsent},
		"confidential and asks always ": {identity.Client{Confidential: true, AlwaysConsent: true}, "https://a.example/", true, StepConsent},
	} {
		r := Request{Client: clients.Client{Client: c.client}, RedirectURI: c.redirect, MaxAge: -1}
		at := situation{sessions: []identity.SignedIn{alice}, now: noon,
			consents: func(identity.SignedIn) (bool, error) { return c.remembered, nil }}
		got, err := decide(r, at)
		require.NoError(t, err)
		require.Equal(t, c.want, got.step, name)
		r.Prompt = []string{"none"}
		got, err = decide(r, at)
		require.NoError(t, err)
		if c.want == StepConsent {
			require.ErrorIs(t, got.failed, oauth.ConsentRequired, name)
		}
	}
	_, err := decide(Request{RedirectURI: "https://a.example/", MaxAge: -1}, situation{
		sessions: []identity.SignedIn{alice}, now: noon,
		consents: func(identity.SignedIn) (bool, error) { return false, errors.New("the store is down") }})
	require.Error(t, err)
}

func TestCovers(t *testing.T) {
	t.Parallel()
	consent := identity.Consent{Scopes: []string{"openid", "orders"}, Terms: "2"}
	require.True(t, covers(consent, "openid", "2"))
	require.True(t, covers(consent, "orders openid", "2"))
	require.False(t, covers(consent, "openid profile", "2"))
	require.False(t, covers(consent, "openid", "3"), "the terms have changed")
}
