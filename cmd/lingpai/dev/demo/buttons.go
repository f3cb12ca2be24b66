package demo

import (
	"io"
	"net/http"
	"net/url"

	"golang.org/x/oauth2"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
)

// user returns the id of the browser's session and the tokens of its user. It answers itself, and returns false, if
// nobody is signed in.
func (s *Site) user(w http.ResponseWriter, r *http.Request) (id string, t tokens, ok bool) {
	id = s.sessionID(r)
	session, _ := s.sessions.find(id)
	if session.tokens == nil {
		s.fail(w, r, devpages.NotSignedIn)
		return "", tokens{}, false
	}
	return id, *session.tokens, true
}

// refresh exchanges the refresh token for new tokens. The old ones are kept if that fails.
func (s *Site) refresh(w http.ResponseWriter, r *http.Request) {
	s.rotating.Lock()
	defer s.rotating.Unlock()
	id, t, ok := s.user(w, r)
	if !ok {
		return
	}
	outcome := devpages.Outcome{Kind: devpages.Unreachable}
	if issuer, err := s.issuer.read(); err == nil {
		outcome = t.refreshAt(r, issuer)
	}
	s.sessions.change(id, func(session *session) { session.outcome, session.tokens = outcome, &t })
	goHome(w, r, devpages.LocalesOf(r))
}

// refreshAt replaces the tokens by those of a refresh.
func (t *tokens) refreshAt(r *http.Request, issuer *metadata) devpages.Outcome {
	answer, err := issuer.oauth.TokenSource(calling(r), &oauth2.Token{RefreshToken: t.refresh}).Token()
	if err == nil {
		t.access, t.refresh = answer.AccessToken, answer.RefreshToken
		return devpages.Outcome{Kind: devpages.Refreshed}
	}
	code, description, ok := refusal(err)
	switch {
	case !ok:
		return devpages.Outcome{Kind: devpages.Unreachable}
	case code == "invalid_grant":
		return devpages.Outcome{Kind: devpages.SessionEnded, Code: code, Description: description}
	}
	return devpages.Outcome{Kind: devpages.RefreshRefused, Code: code, Description: description}
}

// maxAnswer is how many bytes of the API's answer are shown.
const maxAnswer = 64 << 10

// call calls the API with the access token.
func (s *Site) call(w http.ResponseWriter, r *http.Request) {
	id, t, ok := s.user(w, r)
	if !ok {
		return
	}
	outcome := s.callAPI(r, t.access)
	s.sessions.change(id, func(session *session) { session.outcome = outcome })
	goHome(w, r, devpages.LocalesOf(r))
}

func (s *Site) callAPI(r *http.Request, token string) devpages.Outcome {
	failed := devpages.Outcome{Kind: devpages.Unreachable}
	request, err := http.NewRequestWithContext(r.Context(), http.MethodGet, s.config.Origin+Path+apiPath, http.NoBody)
	if err != nil {
		return failed
	}
	request.Header.Set("Authorization", "Bearer "+token)
	response, err := client.Do(request)
	if err != nil {
		return failed
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	if err != nil {
		return failed
	}
	return devpages.Outcome{Kind: devpages.CalledAPI, Status: response.StatusCode, Answer: string(body)}
}

// signOut ends the session of the site, and then sends the browser to the issuer, which ends its own (OpenID Connect
// RP-Initiated Logout 1.0 §2).
func (s *Site) signOut(w http.ResponseWriter, r *http.Request) {
	id, t, ok := s.user(w, r)
	if !ok {
		return
	}
	issuer, err := s.issuer.read()
	if err != nil {
		s.fail(w, r, devpages.Unavailable)
		return
	}
	s.sessions.remove(id)
	s.setSessionID(w, "")
	http.Redirect(w, r, issuer.endSession+"?"+url.Values{"id_token_hint": {t.id},
		"post_logout_redirect_uri": {LogoutURI(s.config.Origin)}}.Encode(), http.StatusSeeOther)
}
