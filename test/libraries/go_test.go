package libraries_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/stretchr/testify/require"
	"golang.org/x/oauth2"
)

// goSite is a web site that signs its one user in with golang.org/x/oauth2 and go-oidc.
type goSite struct {
	provider *oidc.Provider
	config   oauth2.Config
	self     string
	issuer   string

	mu                     sync.Mutex // for the following
	state, nonce, verifier string
	user                   string // "": nobody is signed in
	token                  *oauth2.Token
	idToken                string
}

func startGoSite(t *testing.T, s setup) string {
	t.Helper()
	provider, err := oidc.NewProvider(t.Context(), s.Issuer)
	require.NoError(t, err)
	site := &goSite{provider: provider, issuer: s.Issuer}
	mux := http.NewServeMux()
	for path, page := range map[string]func(r *http.Request) (to string, err error){
		"/sign-in": site.signIn, "/callback": site.callback, "/refresh": site.refresh, "/sign-out": site.signOut,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			site.mu.Lock()
			defer site.mu.Unlock()
			to, err := page(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusInternalServerError)
				return
			}
			http.Redirect(w, r, to, http.StatusSeeOther)
		})
	}
	mux.HandleFunc("/{$}", site.front)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	site.self = strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	site.config = oauth2.Config{ClientID: "go", Endpoint: provider.Endpoint(), RedirectURL: site.self + "/callback",
		ClientSecret: s.client("go", site.self), Scopes: []string{oidc.ScopeOpenID, "profile"}}
	return site.self
}

func (s *goSite) front(w http.ResponseWriter, _ *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	fmt.Fprint(w, `<link rel="icon" href="data:,">`)
	if s.user == "" {
		fmt.Fprint(w, `<a id="sign-in" href="/sign-in">Sign in</a>`)
		return
	}
	fmt.Fprintf(w, `<p id="user">%s</p><p id="token">%s</p><a id="refresh" href="/refresh">Refresh</a>
		<a id="sign-out" href="/sign-out">Sign out</a>`, s.user, s.token.AccessToken)
}

func (s *goSite) signIn(*http.Request) (string, error) {
	s.state, s.nonce, s.verifier = oauth2.GenerateVerifier(), oauth2.GenerateVerifier(), oauth2.GenerateVerifier()
	return s.config.AuthCodeURL(s.state, oidc.Nonce(s.nonce), oauth2.S256ChallengeOption(s.verifier)), nil
}

func (s *goSite) callback(r *http.Request) (string, error) {
	if r.FormValue("state") != s.state || r.FormValue("iss") != s.issuer {
		return "", errors.New("state or iss differs")
	}
	token, err := s.config.Exchange(r.Context(), r.FormValue("code"), oauth2.VerifierOption(s.verifier))
	if err != nil {
		return "", err
	}
	s.token, s.idToken = token, token.Extra("id_token").(string)
	id, err := s.provider.Verifier(&oidc.Config{ClientID: s.config.ClientID}).Verify(r.Context(), s.idToken)
	if err != nil {
		return "", err
	}
	if id.Nonce != s.nonce {
		return "", errors.New("nonce differs")
	}
	info, err := s.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(token))
	if err != nil {
		return "", err
	}
	var claims struct {
		Name string `json:"preferred_username"`
	}
	err = errors.Join(info.Claims(&claims), id.VerifyAccessToken(token.AccessToken))
	s.user = claims.Name
	return "/", err
}

func (s *goSite) refresh(*http.Request) (string, error) {
	old := *s.token
	old.Expiry = time.Now().Add(-time.Minute)
	token, err := s.config.TokenSource(context.Background(), &old).Token()
	if err != nil {
		return "", err
	}
	s.token = token
	return "/", nil
}

func (s *goSite) signOut(*http.Request) (string, error) {
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	err := s.provider.Claims(&metadata)
	s.user = ""
	return metadata.EndSession + "?" + url.Values{"id_token_hint": {s.idToken},
		"post_logout_redirect_uri": {s.self + "/"}}.Encode(), err
}
