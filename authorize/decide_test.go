package authorize

import (
	"errors"
	"strconv"
	"strings"
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

// TestDecide is the table of what a request is answered with. The client is the operator's own, at a web address. Alice
// signed in an hour before noon, and Bob a minute.
func TestDecide(t *testing.T) {
	t.Parallel()
	alice, bob := signedIn("alice", time.Hour), signedIn("bob", time.Minute)
	nobody, one, latest, two := []identity.SignedIn{}, []identity.SignedIn{alice}, []identity.SignedIn{bob},
		[]identity.SignedIn{alice, bob}
	seen := func(ago time.Duration, chosen identity.SignedIn) Seen {
		return Seen{At: noon.Add(-ago), Chosen: chosen.ID}
	}
	consented := func(by identity.SignedIn) Seen { return Seen{At: noon, Chosen: by.ID, Consented: true} }
	never, chosen := Seen{}, seen(time.Minute, alice)
	old, again := seen(30*time.Minute, alice), seen(2*time.Minute, bob)
	for name, c := range map[string]struct {
		users   []identity.SignedIn
		request string // prompt, "age=" and the seconds of max_age, "hint=" and a user
		seen    Seen
		want    Step
		result  string // the user, or the error
	}{
		"nobody":                                 {nobody, "", never, StepSignIn, ""},
		"nobody, silently":                       {nobody, "none", never, StepError, "login_required"},
		"one":                                    {one, "", never, StepCode, "alice"},
		"one, silently":                          {one, "none", never, StepCode, "alice"},
		"two":                                    {two, "", never, StepChoose, ""},
		"two, silently":                          {two, "none", never, StepError, "account_selection_required"},
		"two and a hint":                         {two, "hint=bob", never, StepCode, "bob"},
		"two and a hint, silently":               {two, "none hint=bob", never, StepCode, "bob"},
		"a hint to somebody else":                {one, "hint=bob", never, StepSignIn, ""},
		"a hint to somebody else, silently":      {one, "none hint=bob", never, StepError, "login_required"},
		"two, chosen":                            {two, "", chosen, StepCode, "alice"},
		"chosen, but signed out since":           {latest, "", chosen, StepChoose, ""},
		"chosen against the hint":                {two, "hint=bob", chosen, StepError, "login_required"},
		"one, selecting":                         {one, "select_account", never, StepChoose, ""},
		"one, selected":                          {one, "select_account", chosen, StepCode, "alice"},
		"signing in again":                       {one, "login", never, StepSignIn, "alice"},
		"signed in before the request was seen":  {one, "login", old, StepSignIn, "alice"},
		"signed in again":                        {latest, "login", again, StepCode, "bob"},
		"signed in when the request was seen":    {latest, "login", seen(time.Minute, bob), StepCode, "bob"},
		"young enough":                           {one, "age=3600", never, StepCode, "alice"},
		"too old":                                {one, "age=3599", never, StepSignIn, "alice"},
		"signed in before, with age 0":           {one, "age=0", never, StepSignIn, "alice"},
		"too old, silently":                      {one, "none age=60", never, StepError, "login_required"},
		"too old, but signed in for the request": {latest, "age=1", again, StepCode, "bob"},
		"asking for consent":                     {one, "consent", never, StepConsent, "alice"},
		"consent of the user":                    {one, "consent", consented(alice), StepCode, "alice"},
		"consent of another user":                {one, "consent", consented(bob), StepChoose, ""},
	} {
		r := Request{RedirectURI: "https://shop.example/cb", MaxAge: -1}
		for word := range strings.FieldsSeq(c.request) {
			switch kind, value, _ := strings.Cut(word, "="); kind {
			case "hint":
				r.Subject = value
			case "age":
				seconds, err := strconv.Atoi(value)
				require.NoError(t, err)
				r.MaxAge = time.Duration(seconds) * time.Second
			default:
				r.Prompt = append(r.Prompt, word)
			}
		}
		got, err := decide(r, situation{sessions: c.users, seen: c.seen, now: noon,
			consents: func(identity.SignedIn) (bool, error) { return true, nil }})
		require.NoError(t, err, name)
		require.Equal(t, c.want, got.step, name)
		if c.want == StepError {
			require.Equal(t, c.result, got.failed.Code.Error(), name)
		} else {
			require.Equal(t, c.result, got.user.UserID, name)
		}
	}
}

// TestDecideByACR: a sign-in without one of the required values is as one that is too old.
func TestDecideByACR(t *testing.T) {
	t.Parallel()
	classes := identity.ContextClasses{"pwd": "1", "wechat": "2"} // and qq has none
	never, again := Seen{}, Seen{At: noon.Add(-2 * time.Hour), Chosen: signedIn("alice", 0).ID}
	for name, c := range map[string]struct {
		method   string
		required []string
		seen     Seen
		want     Step
	}{
		"none is required":       {"qq", nil, never, StepCode},
		"the right one":          {"pwd", []string{"1"}, never, StepCode},
		"one of two":             {"wechat", []string{"1", "2"}, never, StepCode},
		"another":                {"wechat", []string{"1"}, never, StepSignIn},
		"another, again":         {"wechat", []string{"1"}, again, StepSignIn},
		"the right one by now":   {"pwd", []string{"1"}, again, StepCode},
		"a method":               {"pwd", []string{"pwd"}, never, StepSignIn},
		"a method without value": {"qq", []string{"1", "2", ""}, never, StepSignIn},
		"nothing would do":       {"pwd", []string{}, never, StepSignIn},
	} {
		alice := signedIn("alice", time.Hour)
		alice.Method = c.method
		at := situation{sessions: []identity.SignedIn{alice}, seen: c.seen, now: noon, classes: classes,
			consents: func(identity.SignedIn) (bool, error) { return true, nil }}
		r := Request{RedirectURI: "https://shop.example/cb", MaxAge: -1, classes: c.required}
		got, err := decide(r, at)
		require.NoError(t, err, name)
		require.Equal(t, c.want, got.step, name)
		require.Equal(t, "alice", got.user.UserID, name)
		r.Prompt = []string{promptNone}
		got, err = decide(r, at)
		require.NoError(t, err, name)
		require.Equal(t, c.want == StepSignIn, got.step == StepError, name)
		if got.step == StepError {
			require.ErrorIs(t, got.failed, oauth.LoginRequired, name)
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
		"web, remembered":          {identity.Client{}, "https://a.example/", true, StepCode},
		"web, new":                 {identity.Client{}, "https://a.example/", false, StepConsent},
		"loopback":                 {identity.Client{}, "http://127.0.0.1/", true, StepConsent},
		"an app's own scheme":      {identity.Client{}, "com.example.app:/cb", true, StepConsent},
		"first party at loopback":  {identity.Client{FirstParty: true}, "http://127.0.0.1/", true, StepConsent},
		"confidential at loopback": {identity.Client{Confidential: true}, "http://127.0.0.1/", true, StepCode},
		"asks always":              {identity.Client{AlwaysConsent: true}, "https://a.example/", true, StepConsent},
		"confidential and asks always": {identity.Client{Confidential: true, AlwaysConsent: true},
			"https://a.example/", true, StepConsent},
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
	require.True(t, covers(consent, []string{"openid"}, "2"))
	require.True(t, covers(consent, []string{"orders", "openid"}, "2"))
	require.False(t, covers(consent, []string{"openid", "profile"}, "2"))
	require.False(t, covers(consent, []string{"openid"}, "3"), "the terms have changed")
}
