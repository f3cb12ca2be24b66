package authorize

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// Values of prompt (OpenID Connect Core §3.1.2.1).
const (
	promptNone          = "none"
	promptLogin         = "login"
	promptConsent       = "consent"
	promptSelectAccount = "select_account"
)

// Request is an authorization request (RFC 6749 §4.1.1, OpenID Connect Core §3.1.2.1). [Service.Read] sets Client,
// RedirectURI, FormPost and State once it is proved where errors may be sent, and everything else if the whole request
// is valid.
type Request struct {
	Client      clients.Client
	RedirectURI string
	FormPost    bool   // response_mode=form_post
	State       string // as sent; "" if absent

	Scope     string // granted
	Resource  string // RFC 8707; "": none
	Challenge string // code_challenge; "" only for clients with OptionalPKCE
	Nonce     string
	Prompt    []string
	MaxAge    time.Duration // negative: absent
	LoginHint string
	Subject   string // the user that id_token_hint is about; "": absent
	Claims    identity.RequestedClaims

	UserCode string // of the device that asks (RFC 8628); "": a browser does
	Address  string // the device's IP address
	Device   string // how it described itself
	Decided  bool   // a user has approved or denied it
	Handle   string // of the code that a screen shows and that was scanned; "": none

	subjects  []string // the users that claims allows; nil: all
	classes   []string // the values of acr that claims allows; nil: all, also none
	pushed    string   // its request_uri; "": it was not pushed
	canonical string
	bound     string // the part that what has been done for the request is bound to
}

// Elsewhere reports whether another device asks, and not this browser: its user decides each time.
func (r Request) Elsewhere() bool { return r.UserCode != "" || r.Handle != "" }

// Proved reports whether errors may be sent to the redirect URI.
func (r Request) Proved() bool { return r.RedirectURI != "" }

// Silent reports whether no page may be shown (prompt=none).
func (r Request) Silent() bool { return r.asks(promptNone) }

func (r Request) asks(prompt string) bool { return slices.Contains(r.Prompt, prompt) }

// Query returns the request as the query of a URL, for pages that carry it on. It has only known parameters, in
// alphabetical order, and the user instead of the ID token of id_token_hint.
func (r Request) Query() string { return r.canonical }

// Near reports whether the device that asks is in the network of an address.
func (r Request) Near(address string) bool {
	return limits.Neighborhood(r.Address) == limits.Neighborhood(address)
}

// Scopes returns what the user must allow: the names of the scope, and of the scopes that cover the requested claims.
func (r Request) Scopes() []string {
	names := strings.Fields(r.Scope)
	for _, claim := range slices.Concat(r.Claims.IDToken, r.Claims.UserInfo) {
		if scope := oauth.ClaimScope(claim); !slices.Contains(names, scope) {
			names = append(names, scope)
		}
	}
	return names
}

// mayBeAbout reports whether the request may be answered for a user.
func (r Request) mayBeAbout(userID string) bool {
	return (r.Subject == "" || r.Subject == userID) && (r.subjects == nil || slices.Contains(r.subjects, userID))
}

// accepts reports whether the request may be answered after a sign-in with an acr; "" is a sign-in that has none.
func (r Request) accepts(class string) bool {
	return r.classes == nil || class != "" && slices.Contains(r.classes, class)
}

// Reach is who can receive an answer at a redirect URI.
type Reach int

// The kinds of redirect URIs (RFC 8252 §7).
const (
	ReachHost   Reach = iota // https: the host alone
	ReachDevice              // http on loopback: any program of the user's device
	ReachApp                 // a scheme of its own: any app that registers it on the device
)

// Reach returns who can receive the answer.
func (r Request) Reach() Reach {
	switch scheme, _, _ := strings.Cut(r.RedirectURI, ":"); scheme {
	case "https":
		return ReachHost
	case "http":
		return ReachDevice
	}
	return ReachApp
}

// Host returns where the browser will be sent, in words for people: a host, or the scheme of an app.
func (r Request) Host() string {
	if u, err := url.Parse(r.RedirectURI); err == nil && r.Reach() != ReachApp {
		return u.Host
	}
	scheme, _, _ := strings.Cut(r.RedirectURI, ":")
	return scheme
}

// carried are the parameters of a request that pages carry on.
var carried = []string{"claims", "client_id", "code_challenge", "code_challenge_method", "login_hint", "max_age",
	"nonce", "prompt", "redirect_uri", "resource", "response_mode", "response_type", "scope", "state", subjectParameter,
	"ui_locales"}

// subjectParameter takes the place of id_token_hint in a request that is carried on. Sent by anybody else, it can only
// keep a request from being answered for another user.
const subjectParameter = "hinted_user"

// maxCanonical is the maximum length of a canonical request, so that it fits into URLs and headers everywhere.
const maxCanonical = 2 << 10

// setCanonical sets the canonical form of the parameters.
func (r *Request) setCanonical(form url.Values) {
	kept := url.Values{}
	for _, name := range carried {
		if value := form.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	if r.Subject != "" {
		kept.Set(subjectParameter, r.Subject)
	}
	locales := kept.Get("ui_locales")
	kept.Del("ui_locales")
	r.setCarried(kept, locales)
}

// setCarried sets what pages carry on. A page in another language has other ui_locales, and what the browser has done
// so far still counts there.
func (r *Request) setCarried(kept url.Values, locales string) {
	r.bound = kept.Encode()
	if locales != "" {
		kept.Set("ui_locales", locales)
	}
	r.canonical = kept.Encode()
}

// Answer is what a client receives at its redirect URI: parameters in its query, or in a form that the browser posts.
type Answer struct {
	RedirectURI string
	FormPost    bool
	Parameters  url.Values
}

// URL returns the redirect URI with the parameters in its query.
func (a Answer) URL() string {
	separator := "?"
	if strings.Contains(a.RedirectURI, "?") {
		separator = "&"
	}
	return a.RedirectURI + separator + a.Parameters.Encode()
}

// answer returns an answer with the issuer (RFC 9207) and the client's state.
func (r Request) answer(issuer, name, value string) Answer {
	parameters := url.Values{name: {value}, "iss": {issuer}}
	if r.State != "" {
		parameters.Set("state", r.State)
	}
	return Answer{RedirectURI: r.RedirectURI, FormPost: r.FormPost, Parameters: parameters}
}
