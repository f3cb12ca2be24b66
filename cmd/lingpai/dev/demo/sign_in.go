package demo

import (
	"crypto/rand"
	"net/http"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
)

// signIn sends the browser to the issuer. What the answer must match is kept in the browser's session: the state, the
// nonce, and the verifier of PKCE (RFC 7636).
func (s *Site) signIn(w http.ResponseWriter, r *http.Request) {
	issuer, err := s.issuer.read()
	if err != nil {
		s.fail(w, r, devpages.Unavailable)
		return
	}
	a := attempt{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier(),
		locales: devpages.LocalesOf(r)}
	s.setSessionID(w, s.sessions.remember(s.sessionID(r), a))
	options := []oauth2.AuthCodeOption{oidc.Nonce(a.nonce), oauth2.S256ChallengeOption(a.verifier)}
	if a.locales != "" {
		options = append(options, oauth2.SetAuthURLParam("ui_locales", string(a.locales)))
	}
	http.Redirect(w, r, issuer.oauth.AuthCodeURL(a.state, options...), http.StatusSeeOther)
}

// start begins a sign-in that another site, or a mini-program, has asked for. The site has one page, so it needs no
// target_link_uri.
func (s *Site) start(w http.ResponseWriter, r *http.Request) {
	if r.URL.Query().Get("iss") != s.config.Issuer {
		s.fail(w, r, devpages.OtherIssuer)
		return
	}
	s.signIn(w, r)
}

// callback takes the answer of the issuer. What does not belong to a sign-in of this browser changes nothing.
func (s *Site) callback(w http.ResponseWriter, r *http.Request) {
	query, id := r.URL.Query(), s.sessionID(r)
	a, found := s.sessions.attempt(id, query.Get("state"))
	switch {
	case !found:
		s.fail(w, r, devpages.UnknownAnswer)
	case query.Get("iss") != s.config.Issuer: // RFC 9207 §2.4
		s.fail(w, r, devpages.OtherIssuer)
	case !s.sessions.take(id, a): // in another tab
		s.fail(w, r, devpages.UnknownAnswer)
	case query.Has("error"):
		s.refused(w, r, query.Get("error"), query.Get("error_description"))
	default:
		s.exchange(w, r, a, query.Get("code"))
	}
}

// refused says why the issuer has sent no code.
func (s *Site) refused(w http.ResponseWriter, r *http.Request, code, description string) {
	kind := devpages.SignInRefused
	switch {
	case code == "access_denied":
		kind = devpages.AccessDenied
	case isTemporary(code):
		kind = devpages.Unavailable
	}
	s.explain(w, r, devpages.Problem{Kind: kind, Code: code, Description: description})
}

// exchange exchanges a code for tokens, and verifies the ID token (OpenID Connect Core §3.1.3.7).
func (s *Site) exchange(w http.ResponseWriter, r *http.Request, a attempt, code string) {
	issuer, err := s.issuer.read()
	if err != nil {
		s.fail(w, r, devpages.Unavailable)
		return
	}
	answer, err := issuer.oauth.Exchange(calling(r), code, oauth2.VerifierOption(a.verifier))
	if err != nil {
		problem := devpages.Problem{Kind: devpages.Unavailable}
		if code, description, ok := refusal(err); ok {
			problem = devpages.Problem{Kind: devpages.CodeRefused, Code: code, Description: description}
		}
		s.explain(w, r, problem)
		return
	}
	tokens, err := newTokens(calling(r), issuer, answer, a.nonce)
	if err != nil {
		s.explain(w, r, devpages.Problem{Kind: devpages.InvalidToken, Description: err.Error()})
		return
	}
	s.setSessionID(w, s.sessions.signedIn(s.sessionID(r), tokens))
	goHome(w, r, a.locales)
}
