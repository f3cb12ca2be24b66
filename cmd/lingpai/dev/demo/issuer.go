package demo

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// client calls the issuer and the API.
var client = &http.Client{Timeout: 10 * time.Second}

// issuer is what the site knows about its issuer.
type issuer struct {
	config Config
	mutex  sync.Mutex
	known  *metadata // nil: not read yet
}

// metadata is what the issuer's metadata says, and what follows from it.
type metadata struct {
	oauth      oauth2.Config
	idTokens   *oidc.IDTokenVerifier
	atAPI      *oidc.IDTokenVerifier // of access tokens
	endSession string
}

// read returns the issuer's metadata, which it reads once (OpenID Connect Discovery 1.0 §4).
func (i *issuer) read() (*metadata, error) {
	i.mutex.Lock()
	defer i.mutex.Unlock()
	if i.known != nil {
		return i.known, nil
	}
	// The verifiers use the context for as long as they exist, to read new keys.
	provider, err := oidc.NewProvider(oidc.ClientContext(context.Background(), client), i.config.Issuer)
	if err != nil {
		return nil, err
	}
	var more struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&more); err != nil {
		return nil, err
	}
	endpoint := provider.Endpoint()
	endpoint.AuthStyle = oauth2.AuthStyleInHeader
	i.known = &metadata{
		oauth: oauth2.Config{ClientID: i.config.ClientID, ClientSecret: i.config.ClientSecret, Endpoint: endpoint,
			RedirectURL: RedirectURI(i.config.Origin), Scopes: []string{oidc.ScopeOpenID, "profile", i.config.Scope}},
		idTokens:   provider.Verifier(&oidc.Config{ClientID: i.config.ClientID}),
		atAPI:      provider.Verifier(&oidc.Config{ClientID: i.config.Audience}),
		endSession: more.EndSession,
	}
	return i.known, nil
}

// calling returns a context in which the libraries use the site's HTTP client. It outlives the browser's request, so
// that no token is lost because its user goes to another page.
func calling(r *http.Request) context.Context {
	return oidc.ClientContext(context.WithoutCancel(r.Context()), client)
}

// refusal returns the error of the token endpoint, or false if it did not answer or cannot work at the moment.
func refusal(err error) (code, description string, ok bool) {
	answer, ok := errors.AsType[*oauth2.RetrieveError](err)
	if !ok || answer.ErrorCode == "" || isTemporary(answer.ErrorCode) {
		return "", "", false
	}
	return answer.ErrorCode, answer.ErrorDescription, true
}

// isTemporary reports whether an error code means that the issuer cannot work at the moment.
func isTemporary(code string) bool {
	return code == "temporarily_unavailable" || code == "server_error"
}
