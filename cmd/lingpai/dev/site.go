package dev

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/demo"
	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/cmd/lingpai/dev/miniprogram"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// site serves the front page, the demo site and the page that represents the mini-program, and leaves all other paths
// to the provider.
type site struct {
	origin                   *url.URL
	front, demo, miniProgram http.Handler
	provider                 http.Handler
}

// newSite returns the site beside a provider whose requests are logged. It registers the demo site, whose address may
// have changed since the last start.
func newSite(ctx context.Context, c settings.Settings, s seeds, database *sql.DB, requests *requestLog) (*site, error) {
	origin := originOf(c.Issuer)
	if err := errors.Join(registerDemo(ctx, database, s, origin.String()), mayHandOff(ctx, database)); err != nil {
		return nil, err
	}
	pages, err := devpages.New(origin.String()+demo.Path, c.Pages)
	if err != nil {
		return nil, err
	}
	codes := newShownCodes(c.Issuer, requests)
	return &site{origin: origin, provider: codes,
		front: front{database: database, requests: requests, codes: codes, pages: pages, password: s.Password,
			page: devpages.Front{Issuer: c.Issuer, Database: c.DatabaseName(), Simulator: c.WechatBaseURL}},
		demo: demo.New(demo.Config{Issuer: c.Issuer, Origin: origin.String(), ClientID: demoClient,
			ClientSecret: s.ClientSecret, Audience: Audience, Scope: scope, Pages: pages}),
		miniProgram: miniprogram.New(miniprogram.Config{Issuer: c.Issuer, ClientID: miniProgram, AppID: s.AppID,
			Simulator: c.WechatBaseURL, Site: demoClient, Pages: pages}),
	}, nil
}

// originOf returns the origin of an issuer, which is a URL, as browsers write it.
func originOf(issuer string) *url.URL {
	u, err := url.Parse(issuer)
	if err != nil {
		panic(err) // settings are checked
	}
	defaultPort := map[string]string{"http": ":80", "https": ":443"}[u.Scheme]
	return &url.URL{Scheme: u.Scheme, Host: strings.TrimSuffix(strings.ToLower(u.Host), defaultPort)}
}

// registerDemo creates or updates the client of the demo site.
func registerDemo(ctx context.Context, database *sql.DB, s seeds, origin string) error {
	client := newClient(s, demoClient, s.ClientSecret, oauth.GrantAuthorizationCode, oauth.GrantRefreshToken)
	client.Name, client.FirstParty, client.Apps = "Demo site", false, nil // so that users are asked for consent
	client.Scopes = []string{oauth.ScopeOpenID, oauth.ScopeProfile, scope}
	client.RedirectURIs = []string{demo.RedirectURI(origin)}
	client.PostLogoutRedirectURIs = []string{demo.LogoutURI(origin)}
	client.InitiateLoginURI = demo.SignInURI(origin)
	if err := database.Clients().Create(ctx, client); !errors.Is(err, identity.ErrExists) {
		return err
	}
	registered, err := database.Clients().Find(ctx, demoClient)
	if err != nil {
		return err
	}
	registered.RedirectURIs, registered.PostLogoutRedirectURIs = client.RedirectURIs, client.PostLogoutRedirectURIs
	registered.InitiateLoginURI = client.InitiateLoginURI
	return database.Clients().Update(ctx, registered)
}

// mayHandOff lets the sample mini-program of a folder of an earlier version hand its sessions to web-views.
func mayHandOff(ctx context.Context, database *sql.DB) error {
	client, err := database.Clients().Find(ctx, miniProgram)
	if err != nil || client.Allows(oauth.GrantTokenExchange) {
		return err
	}
	client.Grants = append(client.Grants, oauth.GrantTokenExchange)
	client.Scopes = append(client.Scopes, oauth.ScopeSignInHandOff)
	return database.Clients().Update(ctx, client)
}

// ServeHTTP implements http.Handler.
func (s *site) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	isFront := r.URL.Path == "/" && (r.Method == http.MethodGet || r.Method == http.MethodHead)
	isDemo := r.URL.Path == demo.Path || strings.HasPrefix(r.URL.Path, demo.Path+"/")
	switch {
	case !isFront && !isDemo:
		s.provider.ServeHTTP(w, r)
	case r.Host != s.origin.Host: // somebody else's name may resolve to this machine, and their scripts read the page
		http.Redirect(w, r, s.origin.String()+r.URL.RequestURI(), http.StatusSeeOther)
	case isFront:
		s.front.ServeHTTP(w, r)
	case r.URL.Path == miniprogram.Path || r.URL.Path == miniprogram.WebViewPath:
		s.miniProgram.ServeHTTP(w, r)
	default:
		s.demo.ServeHTTP(w, r)
	}
}
