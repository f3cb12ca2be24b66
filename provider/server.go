package provider

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"time"

	"github.com/go-oauth2/oauth2/v4/server"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/access/wechatdata"
	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider/bounds"
	"github.com/lingpai/lingpai/provider/browser"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/pushes"
)

// Config configures a provider. All fields are required unless their comment names a default.
type Config struct {
	Issuer     string // https://host[/path]; every endpoint is below it
	Clients    *clients.Registry
	Grants     *grants.Manager
	Access     *access.Service
	Authorize  *authorize.Service
	Wechat     *authorize.Wechat
	Devices    *authorize.Devices
	Scans      *authorize.Scans
	HandOffs   *authorize.HandOffs
	Pages      *pages.Pages
	WechatData *wechatdata.Service
	Pushes     *pushes.Service
	AppTokens  *wechatdata.AppTokens
	// the files with which WeChat verifies the host, by name; nil: none
	WechatFiles map[string][]byte
	Accounts    *accounts.Accounts
	KeySet      func() (jwks []byte, etag string)
	KeySetAge   time.Duration // how long the key set may be cached; 0: 5 minutes
	Ready       func(context.Context) []ReadyCheck
	Observe     func(route string, next http.Handler) http.Handler // counts responses; nil: no metrics
	Bodies      *bounds.Bodies                                     // the bound on request bodies in memory
	// the limit on concurrent quick requests; 0: 512 for each processor
	InFlight int
	// the values of acr in tokens; empty: none
	ContextClasses identity.ContextClasses
	// the proxies whose X-Forwarded-For is trusted; empty: none
	TrustedProxies bounds.Proxies
	Logger         *slog.Logger
}

// New returns the handler of all endpoints. It returns an error if the issuer is not a URL.
func New(c Config) (http.Handler, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	errs := newErrorWriter(c.Logger)
	slots := newSlots(c.InFlight, errs)
	router := router{origin: clients.CanonicalOrigin(issuer.Scheme + "://" + issuer.Host), clients: c.Clients,
		slots: slots, bodies: &bodyReader{c.Bodies, errs}, errs: errs, observe: c.Observe}
	account := &accountAPI{access: c.Access, clients: c.Clients, accounts: c.Accounts, errs: errs}
	pages, err := browser.New(browser.Config{Issuer: c.Issuer, Authorize: c.Authorize, Devices: c.Devices,
		Wechat: c.Wechat, Scans: c.Scans, HandOffs: c.HandOffs, Pages: c.Pages, Logger: c.Logger})
	if err != nil {
		return nil, err
	}
	rows := slices.Concat(
		c.routes(issuer.Path, slots, errs),
		browserRoutes(issuer.Path, pages),
		scanEndpoint{c.Access, c.Scans, c.Pages, c.Logger}.routes(issuer.Path+browser.ApproveScanPath, errs),
		wechatDataRoutes(issuer.Path+"/wechat", c.WechatData, errs),
		pushEndpoint{c.Pushes, errs}.routes(issuer.Path),
		account.routes(issuer.Path+"/account/v1"),
		wechatFileRoutes(issuer.Path, c.WechatFiles),
	)
	return withCaller(c.TrustedProxies, router.handler(rows)), nil
}

// routes returns the routes of OAuth 2.0, OpenID Connect and operations. They are below path, except for the document
// that RFC 8414 puts elsewhere.
func (c Config) routes(path string, slots *slots, errs errorWriter) []route {
	library := server.NewServer(&server.Config{TokenType: "Bearer"}, c.Grants)
	library.ExtensionFieldsHandler = extensionFields
	token := &tokenEndpoint{manager: c.Grants, library: library, slots: slots, logger: c.Logger}
	metadata := newDocument(metadataJSON(c.Issuer, c.ContextClasses.Values()))
	keySet := &keySetEndpoint{keySet: c.KeySet, cache: []string{cachedFor(cmp.Or(c.KeySetAge, maxAge))}}
	getOrPost := []string{http.MethodGet, http.MethodPost}
	do := errs.endpoint
	rows := []route{
		// the token endpoint acquires its slot itself, since its kind depends on the grant; so does revocations, so
		// that a slow client does not hold one while it reads the large answer
		{"token", postMethod, path + "/token", corsRegistered, slotNone, tokenBody, do(token.serve)},
		{"userinfo", getOrPost, path + "/userinfo", corsRegistered, slotQuick, tokenBody,
			do(userinfoEndpoint{c.Access}.serve)},
		{"revoke", postMethod, path + "/revoke", corsRegistered, slotQuick, tokenBody,
			do(revocationEndpoint{c.Access}.serve)},
		{"introspect", postMethod, path + "/introspect", corsNone, slotQuick, tokenBody,
			do(introspectionEndpoint{c.Access}.serve)},
		{"par", postMethod, path + "/par", corsRegistered, slotQuick, tokenBody,
			do(pushedRequestEndpoint{c.Clients, c.Authorize}.serve)},
		{"device_authorization", postMethod, path + "/device_authorization", corsRegistered, slotQuick, tokenBody,
			do(deviceAuthorizationEndpoint{c.Issuer, c.Clients, c.Devices}.serve)},
		{"verify", readMethods, path + "/verify", corsNone, slotQuick, 0, do(verifyEndpoint{c.Access}.serve)},
		{"revocations", readMethods, path + "/revocations", corsNone, slotNone, 0,
			do(revocationsEndpoint{c.Access, slots}.serve)},
		{"wechat_app_token", postMethod, path + "/wechat/app_token", corsNone, slotWaiting, fieldsBody,
			do(appTokenEndpoint{c.AppTokens, c.Logger}.serve)},
		{"jwks", readMethods, path + "/.well-known/jwks.json", corsAny, slotNone, 0, keySet},
		// OpenID Connect Discovery §4
		{"openid_configuration", readMethods, path + "/.well-known/openid-configuration", corsAny, slotNone, 0,
			metadata},
		// RFC 8414 §3.1
		{"oauth_authorization_server", readMethods, "/.well-known/oauth-authorization-server" + path, corsAny,
			slotNone, 0, metadata},
		{"page_asset", readMethods, path + pages.AssetPattern, corsNone, slotNone, 0,
			http.HandlerFunc(c.Pages.ServeAsset)},
	}
	// Probes and load balancers that ask the server itself know nothing of the issuer's path.
	for _, below := range slices.Compact([]string{path, ""}) {
		rows = append(rows,
			route{"healthz", nil, below + "/healthz", corsNone, slotNone, 0, http.HandlerFunc(serveHealth)},
			route{"readyz", nil, below + "/readyz", corsNone, slotNone, 0, &readyEndpoint{check: c.Ready}})
	}
	return rows
}

// browserRoutes returns the routes of the endpoints and pages for browsers.
func browserRoutes(path string, h *browser.Handler) []route {
	var rows []route
	for _, page := range []struct {
		name, path string
		post       slotKind
		body       int64 // of a POST
		handler    http.HandlerFunc
	}{
		{"authorize", browser.AuthorizePath, slotQuick, tokenBody, h.Authorize},
		{"end_session", browser.EndSessionPath, slotQuick, tokenBody, browser.SignOut{Handler: h}.EndSession},
		{"sign_in", browser.SignInPath, slotWaiting, fieldsBody, h.SignIn},
		{"choose_account", browser.ChooseAccountPath, slotQuick, fieldsBody, h.ChooseAccount},
		{"consent", browser.ConsentPath, slotQuick, fieldsBody, h.Consent},
		{"device", browser.DevicePath, slotQuick, fieldsBody, browser.Device{Handler: h}.Page},
		{"approve_scan", browser.ApproveScanPath, slotQuick, fieldsBody, browser.ApproveScan{Handler: h}.Page},
		{"handoff", browser.HandOffPath, slotQuick, fieldsBody, browser.HandOff{Handler: h}.Page},
		{"sign_out", browser.SignOutPath, slotQuick, fieldsBody, browser.SignOut{Handler: h}.Page},
	} {
		rows = append(rows,
			route{page.name, readMethods, path + page.path, corsNone, slotQuick, 0, page.handler},
			route{page.name, postMethod, path + page.path, corsNone, page.post, page.body, page.handler})
	}
	wechat, scan, getMethod := browser.Wechat{Handler: h}, browser.Scan{Handler: h}, []string{http.MethodGet}
	return append(rows,
		// a HEAD request must not make a code
		route{"sign_in_scan", getMethod, path + browser.ScanPath, corsNone, slotQuick, 0, http.HandlerFunc(scan.Page)},
		route{"sign_in_scan", postMethod, path + browser.ScanPath, corsNone, slotWaiting, fieldsBody,
			http.HandlerFunc(scan.Page)},
		// it only waits, and its connection may be closed in favor of others
		route{"sign_in_scan_wait", getMethod, path + browser.ScanWaitPath, corsNone, slotNone, 0,
			http.HandlerFunc(scan.Wait)},
		route{"sign_in_scan_code", getMethod, path + browser.ScanCodePath, corsNone, slotWaiting, 0,
			http.HandlerFunc(scan.Code)},
		route{"scan", readMethods, path + browser.ScannedPath + "{handle}", corsNone, slotNone, 0,
			http.HandlerFunc(browser.ApproveScan{Handler: h}.Open)},
		route{"sign_in_wechat", readMethods, path + browser.WechatPath, corsNone, slotQuick, 0,
			http.HandlerFunc(wechat.Leave)},
		// a HEAD request must not use the code up
		route{"sign_in_wechat_return", getMethod, path + browser.WechatReturnPath, corsNone, slotWaiting,
			0, http.HandlerFunc(wechat.Return)})
}

// Limits of a connection. Token requests are small and quick, so slower ones are cut off.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// NewHTTPServer returns an HTTP server with limits on the time and the header size of a request. It speaks only HTTP/1,
// where a connection has one request at a time, so that a bound on connections is one on requests.
func NewHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	protocols := &http.Protocols{}
	protocols.SetHTTP1(true)
	return &http.Server{
		Handler:           handler,
		Protocols:         protocols,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
		// Answer OPTIONS * like the other requests, with the same headers and bounds.
		DisableGeneralOptionsHandler: true,
	}
}
