package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
)

// siteCallback is where the site's users return with a code. Nothing listens there.
const siteCallback = "https://site.example.com/callback"

// site is a client that users sign in to with a browser.
type site struct {
	*server
	issuer    *url.URL
	verifier  string   // of PKCE, for all requests
	authorize *url.URL // the authorization request
}

func newSite(s *server) (*site, error) {
	issuer, err := url.Parse(s.ready.Issuer)
	if err != nil {
		return nil, err
	}
	made := &site{server: s, issuer: issuer, verifier: rand.Text() + rand.Text()}
	challenge := sha256.Sum256([]byte(made.verifier))
	query := url.Values{"client_id": {s.site.id}, "redirect_uri": {siteCallback}, "response_type": {"code"},
		"scope": {"openid"}, "state": {rand.Text()}, "nonce": {rand.Text()}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(challenge[:])}}
	made.authorize = issuer.ResolveReference(&url.URL{Path: "authorize", RawQuery: query.Encode()})
	return made, nil
}

// open opens the site in a new browser in which nobody is signed in, and returns the browser and the URL of the page
// that asks its user to sign in.
func (s *site) open(ctx context.Context) (*http.Client, *url.URL, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, nil, err
	}
	browser := &http.Client{Jar: jar, Timeout: exchangeTimeout}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.authorize.String(), nil)
	if err != nil {
		return nil, nil, err
	}
	page, err := visit(browser, request)
	return browser, page, err
}

// signIn signs a new user in, and returns their browser's cookie.
func (s *site) signIn(ctx context.Context) (cookie string, err error) {
	username := strings.ToLower(rand.Text())
	if _, err := s.lingpai(ctx, s.ready.User.Password, "users", "create", username); err != nil {
		return "", err
	}
	browser, page, err := s.open(ctx)
	if err != nil {
		return "", err
	}
	form := url.Values{"username": {username}, "password": {s.ready.User.Password}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, page.String(), strings.NewReader(form.Encode()))
	if err != nil {
		return "", err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", s.ready.Issuer)
	if _, err := visit(browser, request); err != nil {
		return "", err
	}
	return cookieHeader(browser, s.issuer), nil
}

// visit makes a request, and returns the URL of the page that it leads to.
func visit(browser *http.Client, request *http.Request) (*url.URL, error) {
	response, err := browser.Do(request)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", request.URL.Path, response.Status)
	}
	return response.Request.URL, errors.Join(err, response.Body.Close())
}

// cookieHeader returns the header with the cookies that a browser sends to a server.
func cookieHeader(browser *http.Client, to *url.URL) string {
	var pairs []string
	for _, cookie := range browser.Jar.Cookies(to) {
		pairs = append(pairs, cookie.String())
	}
	return "Cookie: " + strings.Join(pairs, "; ")
}

// codeWorkload lets signed-in users come back to the site: their browser fetches a code, which the site exchanges for
// tokens with an ID token.
func codeWorkload(connections int, endpoint *url.URL, s *site) *workload {
	visitors := make([]*visitor, connections)
	w := &workload{name: codeName, target: endpoint, token: func() string { return visitors[0].AccessToken }}
	for n := range visitors {
		visitors[n] = &visitor{site: s, endpoint: endpoint}
		w.clients = append(w.clients, visitors[n])
	}
	w.prepare = func(ctx context.Context, _ int) error {
		for _, v := range visitors {
			if v.asking != nil {
				continue
			}
			cookie, err := s.signIn(ctx)
			if err != nil {
				return err
			}
			v.asking = getRequest(s.authorize, cookie)
		}
		return nil
	}
	return w
}

// visitor is a user who is signed in, with their browser and the site's server.
type visitor struct {
	holder
	site     *site
	endpoint *url.URL
	asking   []byte // the authorization request with the browser's cookie
}

func (v *visitor) request() ([]byte, error) { return v.asking, nil }

func (v *visitor) answered(a answer) (next []byte, err error) {
	if a.location != "" {
		return v.redeem(a.location)
	}
	if !bytes.Contains(a.body, []byte(`"id_token"`)) {
		return nil, errors.New("there is no ID token")
	}
	return v.holder.answered(a)
}

// redeem returns the request that exchanges the code in a redirect.
func (v *visitor) redeem(location string) ([]byte, error) {
	callback, err := url.Parse(location)
	if err != nil {
		return nil, err
	}
	code := callback.Query().Get("code")
	if code == "" {
		return nil, fmt.Errorf("a redirect without a code: %s", location)
	}
	return postRequest(v.endpoint, v.site.site.id, v.site.site.secret, url.Values{
		"grant_type": {codeName}, "code": {code}, "redirect_uri": {siteCallback}, "code_verifier": {v.site.verifier},
	}), nil
}

// signInPageWorkload shows the page that asks a user of the site to sign in. Each connection is a browser of its own.
func signInPageWorkload(connections int, s *site) *workload {
	w := &workload{name: signInPageName, target: s.issuer, clients: make([]client, connections)}
	w.prepare = func(ctx context.Context, _ int) error {
		for n := range w.clients {
			browser, page, err := s.open(ctx)
			if err != nil {
				return err
			}
			w.clients[n] = pageReader(getRequest(page, cookieHeader(browser, s.issuer),
				"Accept-Language: zh-CN,zh;q=0.9,en;q=0.8"))
		}
		return nil
	}
	return w
}

// pageReader requests the page that asks for a password repeatedly.
type pageReader []byte

func (r pageReader) request() ([]byte, error) { return r, nil }

func (r pageReader) answered(a answer) (next []byte, err error) {
	if !bytes.Contains(a.body, []byte(`name="password"`)) {
		err = fmt.Errorf("not the page that asks for a password: %s %s", a.location, a.body)
	}
	return nil, err
}
