package wechattest

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// SecretPrefix begins the AppSecret of every simulated app.
const SecretPrefix = "simulator-"

// The kinds of apps other than mini-programs. Their codes come from WeChat's OAuth pages,
// or from its SDK.
const (
	KindOfficialAccount = "official-account"
	KindWebsite         = "website"
	KindMobileApp       = "mobile-app"
)

// An App is a simulated app.
type App struct {
	AppID        string `json:"appid"`
	Kind         string `json:"kind,omitempty"`          // one of the kinds; empty or "mini-program": a mini-program
	Secret       string `json:"secret"`                  // begins with SecretPrefix
	OpenPlatform string `json:"open_platform,omitempty"` // the account it is bound to; empty: none, and so no unionid
	CallbackHost string `json:"callback_host,omitempty"` // to which its pages redirect, without a port; empty: none
	Unverified   bool   `json:"unverified,omitempty"`    // an official account that may not know who its visitors are

	// Only of mini-programs:

	Pages     []string   `json:"pages,omitempty"`      // that are published, the home page first; empty: none is
	Testers   []string   `json:"testers,omitempty"`    // users who may open the other versions; empty: all may
	Personal  bool       `json:"personal,omitempty"`   // it belongs to a person, so it may have no LinkRules
	LinkRules []LinkRule `json:"link_rules,omitempty"` // at most 100, which open it from ordinary QR codes
	LaunchURL string     `json:"launch_url,omitempty"` // of a web page that represents it in browsers; empty: none

	WebViewDomains []string `json:"web_view_domains,omitempty"` // hosts (业务域名) of its web-views, at most 300
}

type app struct {
	App
	allowed []netip.Addr // callers that may use the secret; empty: all
	stable  tokenPair
	classic tokenPair
}

// AddApp adds an app, or replaces what is known of it. Its tokens and the callers that it allows stay.
func (s *platform) AddApp(added App) error {
	if err := added.validate(); err != nil {
		return err
	}
	added = added.clone()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if err := s.checkOwners(added); err != nil {
		return err
	}
	if known, found := s.apps.get(added.AppID); found {
		known.App = added
		return nil
	}
	s.apps.put(added.AppID, &app{App: added})
	return nil
}

func (a App) validate() error {
	if !validAppID(a.AppID) {
		return errors.New(`appid: must be "wx" and 16 lower-case hexadecimal digits`)
	}
	if !strings.HasPrefix(a.Secret, SecretPrefix) {
		return fmt.Errorf("secret: must begin with %q", SecretPrefix)
	}
	switch a.Kind {
	case "", "mini-program":
		return a.validateMiniProgram()
	case KindOfficialAccount, KindWebsite, KindMobileApp:
		if a.Personal || a.LaunchURL != "" ||
			len(a.Pages)+len(a.Testers)+len(a.LinkRules)+len(a.WebViewDomains) > 0 {
			return errors.New("kind: only a mini-program may have pages, testers, personal, link_rules, launch_url " +
				"and web_view_domains")
		}
		return nil
	}
	return fmt.Errorf("kind: unknown kind %q", a.Kind)
}

func (a App) validateMiniProgram() error {
	for _, page := range a.Pages {
		if !validPage(page) {
			return fmt.Errorf(`pages: %q is not a page such as "pages/index/index"`, page)
		}
	}
	if a.LaunchURL != "" && webURL(a.LaunchURL) == nil {
		return fmt.Errorf("launch_url: %q is not an http or https URL", a.LaunchURL)
	}
	if len(a.WebViewDomains) > maxWebViewDomains || a.Personal && len(a.WebViewDomains) > 0 {
		return fmt.Errorf("web_view_domains: an app has at most %d, and one of a person none", maxWebViewDomains)
	}
	return a.validateLinkRules()
}

// maxWebViewDomains is how many hosts an app may show in web-views.
const maxWebViewDomains = 300

// validPage reports whether a text has the form of the path of a page: without "/" at the beginning, and without a
// query.
func validPage(path string) bool {
	return path != "" && path[0] != '/' && !strings.ContainsAny(path, "?#&= ")
}

// clone returns a copy that shares no memory with the app.
func (a App) clone() App {
	a.Pages, a.Testers, a.LinkRules = slices.Clone(a.Pages), slices.Clone(a.Testers), slices.Clone(a.LinkRules)
	a.WebViewDomains = slices.Clone(a.WebViewDomains)
	for i := range a.LinkRules {
		a.LinkRules[i].TestLinks = slices.Clone(a.LinkRules[i].TestLinks)
	}
	return a
}

// isMiniProgram reports whether the app is of the usual kind.
func (a App) isMiniProgram() bool { return a.Kind == "" || a.Kind == "mini-program" }

// Bind binds an app to an Open Platform account, whose unionids its logins have from then on.
// An empty name unbinds it.
func (s *platform) Bind(appID, openPlatform string) error {
	return s.changeApp(appID, func(known *app) { known.OpenPlatform = openPlatform })
}

// AllowOnly restricts the use of the app's secret to connections from the given addresses.
// Without addresses it removes the restriction.
func (s *platform) AllowOnly(appID string, addresses ...netip.Addr) error {
	allowed := make([]netip.Addr, 0, len(addresses))
	for _, address := range addresses {
		allowed = append(allowed, address.Unmap())
	}
	return s.changeApp(appID, func(known *app) { known.allowed = allowed })
}

func (s *platform) changeApp(appID string, change func(*app)) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known, err := s.app(appID)
	if err != nil {
		return err
	}
	change(known)
	return nil
}

func (s *platform) app(appID string) (*app, error) {
	known, found := s.apps.get(appID)
	if !found {
		return nil, fmt.Errorf("appid: %q is not registered", appID)
	}
	return known, nil
}

// has reports whether apps of the app's kind have codes of a kind.
func (a App) has(kind codeKind) bool {
	return a.isMiniProgram() != (kind == oauthCode)
}

func (a App) codeLifetime() time.Duration {
	if a.Kind == KindWebsite || a.Kind == KindMobileApp {
		return longCodeLifetime
	}
	return codeLifetime
}

func validAppID(id string) bool {
	digits, found := strings.CutPrefix(id, "wx")
	return found && len(digits) == 16 && strings.Trim(digits, "0123456789abcdef") == ""
}

// credentials are the parameters of a call with the AppSecret. code is nil if the endpoint
// has none.
type credentials struct {
	appID, secret        string
	code                 *string
	grantType, wantGrant string
	remote               netip.Addr
}

// authenticate checks parameters in the order that was observed at WeChat.
func (s *platform) authenticate(given credentials) (*app, *answer) {
	switch {
	case given.appID == "":
		return nil, failWith(41002)
	case given.secret == "":
		return nil, failWith(41004)
	case given.code != nil && *given.code == "":
		return nil, failWith(41008)
	}
	known, found := s.apps.get(given.appID)
	switch {
	case !found:
		return nil, failWith(40013)
	case given.secret != known.Secret:
		return nil, failWith(40125)
	case given.grantType != given.wantGrant:
		return nil, failWith(40002)
	case len(known.allowed) > 0 && !slices.Contains(known.allowed, given.remote):
		return nil, failWithAddress(given.remote)
	}
	return known, nil
}
