// Command go-site is a web site that signs its users in with x/oauth2 and go-oidc.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"html/template"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// session is a browser's. In production it is a row in a database.
type session struct {
	mu                     sync.Mutex
	state, nonce, verifier string // of the request that the browser is away for
	name, idToken          string
	token                  *oauth2.Token // nil: nobody is signed in
}

type site struct {
	self, issuer, endSession string
	config                   oauth2.Config
	provider                 *oidc.Provider
	sessions                 sync.Map // from the value of the cookie
}

func main() {
	s := &site{self: os.Getenv("SITE"), issuer: os.Getenv("ISSUER")}
	var err error
	if s.provider, err = oidc.NewProvider(context.Background(), s.issuer); err != nil {
		log.Fatal(err)
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := s.provider.Claims(&metadata); err != nil {
		log.Fatal(err)
	}
	s.endSession = metadata.EndSession
	s.config = oauth2.Config{ClientID: os.Getenv("CLIENT_ID"), ClientSecret: os.Getenv("CLIENT_SECRET"),
		Endpoint: s.provider.Endpoint(), RedirectURL: s.self + "/callback",
		Scopes: []string{oidc.ScopeOpenID, "profile"}}
	http.HandleFunc("GET /{$}", s.home)
	http.HandleFunc("GET /sign-in", s.signIn)
	http.HandleFunc("GET /callback", s.callback)
	http.HandleFunc("GET /profile", s.profile)
	http.HandleFunc("POST /sign-out", s.signOut)
	address, err := url.Parse(s.self)
	if err != nil {
		log.Fatal(err)
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+address.Port(), nil))
}

const cookie = "session"

// session returns the session of the browser, locked, or an empty one.
func (s *site) session(r *http.Request) *session {
	found := &session{}
	if c, err := r.Cookie(cookie); err == nil {
		if kept, ok := s.sessions.Load(c.Value); ok {
			found = kept.(*session)
		}
	}
	found.mu.Lock()
	return found
}

// begin gives the browser a session with an id that nobody knew before.
func (s *site) begin(w http.ResponseWriter, r *http.Request, begun *session) {
	s.end(r)
	id := rand.Text()
	s.sessions.Store(id, begun)
	http.SetCookie(w, &http.Cookie{Name: cookie, Value: id, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode,
		Secure: strings.HasPrefix(s.self, "https:")})
}

func (s *site) end(r *http.Request) {
	if c, err := r.Cookie(cookie); err == nil {
		s.sessions.Delete(c.Value)
	}
}

var page = template.Must(template.New("").Parse(`<!doctype html><title>Shop</title>
{{if .}}<p id="user">{{.}}</p> <a id="profile" href="/profile">Profile</a>
<form method="post" action="/sign-out"><button id="sign-out">Sign out</button></form>
{{else}}<a id="sign-in" href="/sign-in">Sign in</a>{{end}}`))

func (s *site) home(w http.ResponseWriter, r *http.Request) {
	session := s.session(r)
	defer session.mu.Unlock()
	_ = page.Execute(w, session.name)
}

func (s *site) signIn(w http.ResponseWriter, r *http.Request) {
	sent := &session{state: rand.Text(), nonce: rand.Text(), verifier: oauth2.GenerateVerifier()}
	s.begin(w, r, sent)
	link := s.config.AuthCodeURL(sent.state, oidc.Nonce(sent.nonce), oauth2.S256ChallengeOption(sent.verifier))
	http.Redirect(w, r, link, http.StatusSeeOther)
}

func (s *site) callback(w http.ResponseWriter, r *http.Request) {
	sent := s.session(r)
	defer sent.mu.Unlock()
	if sent.state == "" || r.FormValue("state") != sent.state || r.FormValue("iss") != s.issuer {
		http.Error(w, "This answer is not for this browser.", http.StatusForbidden)
		return
	}
	signedIn, err := s.exchange(r.Context(), r.FormValue("code"), sent)
	if err != nil {
		log.Print(err)
		http.Error(w, "Signing in failed.", http.StatusBadGateway)
		return
	}
	s.begin(w, r, signedIn)
	http.Redirect(w, r, "/", http.StatusSeeOther)
}

// exchange exchanges a code for tokens, and checks the ID token.
func (s *site) exchange(ctx context.Context, code string, sent *session) (*session, error) {
	token, err := s.config.Exchange(ctx, code, oauth2.VerifierOption(sent.verifier))
	if err != nil {
		return nil, err
	}
	raw, _ := token.Extra("id_token").(string)
	id, err := s.provider.Verifier(&oidc.Config{ClientID: s.config.ClientID}).Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if id.Nonce != sent.nonce { // go-oidc does not compare it
		return nil, errors.New("the nonce is another one")
	}
	var claims struct {
		Name string `json:"preferred_username"`
	}
	err = id.Claims(&claims)
	return &session{token: token, idToken: raw, name: claims.Name}, err
}

// profile calls an API with the access token; here it is Lingpai's own.
func (s *site) profile(w http.ResponseWriter, r *http.Request) {
	session := s.session(r)
	defer session.mu.Unlock()
	if session.token == nil {
		http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
		return
	}
	if time.Until(session.token.Expiry) < time.Minute {
		expired := &oauth2.Token{RefreshToken: session.token.RefreshToken}
		token, err := s.config.TokenSource(r.Context(), expired).Token()
		if refused := (&oauth2.RetrieveError{}); errors.As(err, &refused) && refused.ErrorCode == "invalid_grant" {
			http.Redirect(w, r, "/sign-in", http.StatusSeeOther)
			return
		}
		if err != nil {
			http.Error(w, "Try again later.", http.StatusServiceUnavailable)
			return
		}
		session.token = token
	}
	info, err := s.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(session.token))
	var claims map[string]any
	if err != nil || info.Claims(&claims) != nil {
		http.Error(w, "Try again later.", http.StatusBadGateway)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(claims)
}

func (s *site) signOut(w http.ResponseWriter, r *http.Request) {
	session := s.session(r)
	defer session.mu.Unlock()
	s.end(r)
	query := url.Values{"client_id": {s.config.ClientID}, "post_logout_redirect_uri": {s.self + "/"}}
	if session.idToken != "" {
		query.Set("id_token_hint", session.idToken)
	}
	http.Redirect(w, r, s.endSession+"?"+query.Encode(), http.StatusSeeOther)
}
