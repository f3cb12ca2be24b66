// Package demo is a site that signs users in at a provider, as any site does: it has a client id and a secret, knows
// the issuer, and talks to it over HTTP. It shows the tokens, which no other site should.
package demo

import (
	"net/http"
	"net/url"
	"sync"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/pages"
)

// Path is the path of the site. Its other pages are below.
const Path = "/demo"

// Config configures a Site. All fields are required.
type Config struct {
	Issuer       string
	Origin       string // of the site, such as http://127.0.0.1:8080
	ClientID     string
	ClientSecret string
	Audience     string // of the API that the site calls
	Scope        string // that the API demands
	Pages        *pages.Pages
}

// RedirectURI returns where users return with a code, at a site with an origin.
func RedirectURI(origin string) string { return origin + Path + "/callback" }

// LogoutURI returns where users return after signing out.
func LogoutURI(origin string) string { return origin + Path }

// SignInURI returns where others let a sign-in begin (OpenID Connect Core §4).
func SignInURI(origin string) string { return origin + Path + "/start" }

// Site serves the pages of the site, and the API that it calls.
type Site struct {
	config   Config
	issuer   issuer
	sessions sessions
	rotating sync.Mutex // during a refresh, so that no older refresh token replaces a newer one
	cookie   string     // its name
	foreign  *http.CrossOriginProtection
	mux      *http.ServeMux
}

// New returns a site. It calls the issuer only when it is used.
func New(c Config) *Site {
	s := &Site{config: c, issuer: issuer{config: c}, cookie: cookieName(c.Origin),
		foreign: http.NewCrossOriginProtection(), mux: http.NewServeMux()}
	s.mux.HandleFunc("GET "+Path, s.home)
	s.mux.HandleFunc("GET "+Path+"/callback", s.callback)
	s.mux.HandleFunc("GET "+Path+"/start", s.start)
	for path, button := range map[string]http.HandlerFunc{
		"/sign-in": s.signIn, "/refresh": s.refresh, "/call": s.call, "/sign-out": s.signOut,
	} {
		s.mux.HandleFunc("POST "+Path+path, s.own(button))
	}
	s.mux.HandleFunc("GET "+Path+apiPath, s.api)
	s.mux.HandleFunc("GET "+Path+pages.AssetPattern, c.Pages.ServeAsset)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, devpages.NoSuchPage) })
	return s
}

// ServeHTTP implements http.Handler.
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

// own returns a handler of a form that only pages of the site may send.
func (s *Site) own(next http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if s.foreign.Check(r) != nil {
			s.fail(w, r, devpages.ForeignForm)
			return
		}
		next(w, r)
	}
}

func (s *Site) fail(w http.ResponseWriter, r *http.Request, kind devpages.ProblemKind) {
	s.explain(w, r, devpages.Problem{Kind: kind})
}

// explain shows a problem.
func (s *Site) explain(w http.ResponseWriter, r *http.Request, problem devpages.Problem) {
	status := http.StatusBadRequest
	switch problem.Kind {
	case devpages.ForeignForm:
		status = http.StatusForbidden
	case devpages.NoSuchPage:
		status = http.StatusNotFound
	case devpages.Unavailable, devpages.InvalidToken:
		status = http.StatusBadGateway
	}
	problem.Locales = devpages.LocalesOf(r)
	s.config.Pages.Render(w, r, status, problem)
}

// home shows the tokens, or how to get some.
func (s *Site) home(w http.ResponseWriter, r *http.Request) {
	session, found := s.sessions.find(s.sessionID(r))
	if !found || session.tokens == nil {
		s.config.Pages.Render(w, r, http.StatusOK, devpages.Start{Locales: devpages.LocalesOf(r)})
		return
	}
	page := session.tokens.page(session.outcome)
	page.Locales = devpages.LocalesOf(r)
	s.config.Pages.Render(w, r, http.StatusOK, page)
}

// goHome leads to the site's page, which a user can reload.
func goHome(w http.ResponseWriter, r *http.Request, locales devpages.Locales) {
	http.Redirect(w, r, Path+locales.Query(), http.StatusSeeOther)
}

// cookieName contains the port, since all servers on a host share their cookies.
func cookieName(origin string) string {
	u, _ := url.Parse(origin) // without a port if it is malformed
	return "lp_demo_" + u.Port()
}

// sessionID returns the id of the browser's session, or "".
func (s *Site) sessionID(r *http.Request) string {
	if cookie, err := r.Cookie(s.cookie); err == nil {
		return cookie.Value
	}
	return ""
}

// setSessionID sets the cookie; "" deletes it.
func (s *Site) setSessionID(w http.ResponseWriter, id string) {
	cookie := http.Cookie{Name: s.cookie, Value: id, Path: Path, HttpOnly: true, SameSite: http.SameSiteLaxMode}
	if id == "" {
		cookie.MaxAge = -1
	}
	http.SetCookie(w, &cookie)
}
