package provider

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"github.com/go-oauth2/oauth2/v4/server"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/grants"
)

// Config is what a provider works with. All fields are required except those that say otherwise.
type Config struct {
	Issuer         string // https://host[/path]; every endpoint lives below it
	Manager        *grants.Manager
	Accounts       *accounts.Accounts
	KeySet         func() (jwks []byte, etag string)
	KeySetAge      time.Duration // how long the key set may be cached; 0: 5 minutes
	Ready          func(context.Context) []ReadyCheck
	InFlight       int            // requests that are worked on at once; 0: 512 for each processor
	TrustedProxies []netip.Prefix // whose X-Forwarded-For is believed; none: nobody's
	Logger         *slog.Logger
}

// New returns the handler of all endpoints.
func New(config Config) (http.Handler, error) {
	issuer, err := url.Parse(config.Issuer)
	if err != nil {
		return nil, err
	}
	library := server.NewServer(&server.Config{TokenType: "Bearer"}, config.Manager)
	library.ExtensionFieldsHandler = extensionFields
	answers := answers{logger: config.Logger}

	places := newInFlight(config.InFlight, answers)
	quick := func(next http.Handler) http.Handler { return places.bounded(places.quick, next) }
	waiting := func(next http.Handler) http.Handler { return places.bounded(places.waiting, next) }
	token := &tokenEndpoint{manager: config.Manager, library: library, proxies: config.TrustedProxies,
		places: places, answers: answers}
	userinfo := &userinfoEndpoint{manager: config.Manager, answers: answers}
	revocation := &revocationEndpoint{manager: config.Manager, answers: answers}
	introspection := &introspectionEndpoint{manager: config.Manager, answers: answers}
	verify := answers.readOnly(&verifyEndpoint{manager: config.Manager, answers: answers})
	appToken := &appTokenEndpoint{manager: config.Manager, answers: answers}
	metadata := answers.readOnly(newDocument(metadataJSON(config.Issuer)))
	keySet := answers.readOnly(&keySetEndpoint{keySet: config.KeySet,
		cache: []string{cachedFor(cmp.Or(config.KeySetAge, maxAge))}})
	revocations := answers.readOnly(&revocationsEndpoint{manager: config.Manager, answers: answers})

	forClients := clientCORS(config.Manager, http.MethodGet, http.MethodPost)
	forAll := publicCORS()
	path := issuer.Path
	mux := http.NewServeMux()
	for pattern, handler := range map[string]http.Handler{
		path + "/token":    forClients.Handler(token),
		path + "/userinfo": forClients.Handler(quick(userinfo)),
		path + "/revoke":   forClients.Handler(quick(revocation)),
		// no CORS here and below: APIs and gateways are no scripts
		path + "/introspect":                             quick(introspection),
		path + "/verify":                                 quick(verify),
		path + "/revocations":                            revocations,
		path + "/wechat/app_token":                       waiting(appToken),
		path + "/.well-known/jwks.json":                  forAll.Handler(keySet),
		path + "/.well-known/openid-configuration":       forAll.Handler(metadata), // OpenID Connect Discovery §4
		"/.well-known/oauth-authorization-server" + path: forAll.Handler(metadata), // RFC 8414 §3.1
		path + "/healthz":                                http.HandlerFunc(alive),
		path + "/readyz":                                 &readyEndpoint{check: config.Ready},
		"/":                                              http.HandlerFunc(answers.notFound),
	} {
		mux.Handle(pattern, handler)
	}
	for pattern, handler := range dataEndpoints(config.Manager, answers) {
		mux.Handle(path+pattern, forClients.Handler(waiting(handler)))
	}
	account := &accountAPI{manager: config.Manager, accounts: config.Accounts, proxies: config.TrustedProxies,
		answers: answers}
	forPeople := clientCORS(config.Manager, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodDelete)
	account.register(mux, path+"/account/v1",
		func(h http.Handler) http.Handler { return forPeople.Handler(waiting(h)) }, forAll.Handler)
	return withRequestID(answers.recovering(mux)), nil
}

// Limits of a connection. A token request is small and quick, so whatever is slower is not one.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second
	writeTimeout      = 30 * time.Second
	idleTimeout       = 2 * time.Minute
	maxHeaderBytes    = 16 << 10
)

// NewHTTPServer returns an HTTP server that slow and oversized requests do not tie up.
func NewHTTPServer(handler http.Handler, logger *slog.Logger) *http.Server {
	return &http.Server{
		Handler:           handler,
		ReadHeaderTimeout: readHeaderTimeout,
		ReadTimeout:       readTimeout,
		WriteTimeout:      writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(logger.Handler(), slog.LevelDebug),
	}
}
