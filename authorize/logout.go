package authorize

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// Logout is a logout request (OpenID Connect RP-Initiated Logout 1.0 §2).
type Logout struct {
	Client    clients.Client     // the zero value if the request names none
	Hint      tokens.IDTokenHint // the zero value without id_token_hint
	ReturnURI string             // post_logout_redirect_uri; "": absent
	State     string

	canonical string
}

// Hinted reports whether an ID token says whose session it is.
func (l Logout) Hinted() bool { return l.Hint.Session != "" }

// Query returns the request as the query of a URL, for pages that carry it on. It has the client instead of the ID
// token, which is of no use any more once [Service.EndHinted] is done.
func (l Logout) Query() string { return l.canonical }

// Return returns where the browser goes afterwards; "" for a page of this server.
func (l Logout) Return() string {
	if l.ReturnURI == "" || l.State == "" {
		return l.ReturnURI
	}
	return Answer{RedirectURI: l.ReturnURI, Parameters: url.Values{"state": {l.State}}}.URL()
}

// ReadLogout reads the parameters of a logout request. All errors are oauth.Errors, and must be shown on a page
// (RP-Initiated Logout §4).
func (s *Service) ReadLogout(ctx context.Context, form url.Values) (Logout, error) {
	if err := checkForm(form, logoutParameters); err != nil {
		return Logout{}, err
	}
	l := Logout{ReturnURI: form.Get("post_logout_redirect_uri"), State: form.Get("state")}
	if len(l.State) > maxState {
		return Logout{}, invalid("state has at most 1024 characters.")
	}
	id := form.Get("client_id")
	if hint := form.Get("id_token_hint"); hint != "" {
		var err error
		if l.Hint, err = s.issuer.ReadIDTokenHint(hint); err != nil || id != "" && id != l.Hint.Audience {
			return Logout{}, invalid("id_token_hint is not an ID token of this server for this client.")
		}
		id = l.Hint.Audience
	}
	if id != "" {
		var err error
		if l.Client, err = s.findClient(ctx, id); err != nil {
			return Logout{}, err
		}
	}
	switch {
	case l.ReturnURI != "" && id == "":
		return Logout{}, invalid("post_logout_redirect_uri needs id_token_hint or client_id.")
	case l.ReturnURI != "" && !slices.Contains(l.Client.PostLogoutRedirectURIs, l.ReturnURI):
		return Logout{}, ErrUnknownReturnURI
	}
	kept := url.Values{}
	for _, name := range logoutParameters {
		if value := form.Get(name); value != "" {
			kept.Set(name, value)
		}
	}
	if id != "" {
		kept.Set("client_id", id)
	}
	l.canonical = kept.Encode()
	return l, nil
}

// logoutParameters are the parameters of a logout request that are carried on.
var logoutParameters = []string{"client_id", "post_logout_redirect_uri", "state", "ui_locales"}

// EndHinted ends what the hint of a logout request is about: the session of the client for which the ID token was
// issued, the browser session that it came from, which may have expired, and any other browser session of its user in
// this browser. Sessions of clients with the scope offline_access go on. It does nothing without a hint. It reports
// whether the user was signed in in this browser.
func (s *Service) EndHinted(ctx context.Context, l Logout, browser Browser) (here bool, err error) {
	if !l.Hinted() {
		return false, nil
	}
	session, _, err := s.sessions.Find(ctx, l.Hint.Session)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return false, oauth.StoreFailed(err)
	}
	users, err := s.SignedIn(ctx, browser)
	if err != nil {
		return false, err
	}
	var ending []string
	if session.Browser != "" {
		ending = append(ending, session.Browser)
	}
	for _, user := range users {
		if user.UserID == cmp.Or(session.UserID, l.Hint.Subject) {
			here, ending = true, append(ending, user.ID)
		}
	}
	for _, id := range ending {
		if _, err := s.browsers.End(ctx, id, identity.EndedBySignOut, false); err != nil {
			return here, oauth.StoreFailed(err)
		}
	}
	if session.Browser == "" && session.ID != "" && !oauth.HasScope(session.Scope, oauth.ScopeOfflineAccess) {
		if _, err := s.sessions.End(ctx, session.ID, identity.EndedBySignOut); err != nil {
			return here, oauth.StoreFailed(err)
		}
	}
	return here, nil
}
