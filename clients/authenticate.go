package clients

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// credentials are the client credentials of a request (RFC 6749 §2.3).
type credentials struct {
	id, secret string
	hasSecret  bool
	assertion  string // RFC 7523; "": none
}

// unknownHash is compared for unknown clients, so that they take the same time as known ones.
var unknownHash = identity.HashSecret("")

// Authenticate authenticates the client of a request (RFC 6749 §2.3). It reads the request's headers and PostForm, in
// which every parameter must occur once. It returns
//   - oauth.InvalidClient if the client is missing, unknown, disabled or not authenticated; only the error's cause,
//     which is for the log, says which,
//   - oauth.InvalidRequest if there are two kinds of client authentication,
//   - oauth.TemporarilyUnavailable if the store fails.
func (r *Registry) Authenticate(ctx context.Context, request *http.Request) (Client, error) {
	c, err := readCredentials(request)
	if err != nil {
		return Client{}, err
	}
	client, err := r.find(ctx, c.id)
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return Client{}, oauth.StoreFailed(err)
	}
	cause := r.prove(ctx, client, c)
	if failure, ok := errors.AsType[*oauth.Error](cause); ok {
		return Client{}, failure
	}
	if cause != nil {
		return Client{}, &oauth.Error{
			Code: oauth.InvalidClient,
			Description: "Client authentication failed: unknown or disabled client, wrong secret or assertion, or a " +
				"secret of a public client.",
			Cause: cause,
		}
	}
	return Client{client}, nil
}

// prove checks what proves that a request is the client's, who is the zero Client if there is none. It returns why it
// does not, or an oauth.Error if the store fails.
func (r *Registry) prove(ctx context.Context, client identity.Client, c credentials) error {
	known := client.ID != "" && !client.Disabled()
	if c.assertion != "" {
		if !known || !client.HasKeys() {
			return unproved(client, c)
		}
		err := r.checkAssertion(ctx, client, c.assertion)
		if _, ok := errors.AsType[*oauth.Error](err); err == nil || ok {
			return err
		}
		return fmt.Errorf("the assertion of client %s: %w", client.ID, err)
	}
	// Both are always compared, so that all clients take the same time.
	current, old := secretMatches(client.SecretHash, c.secret), secretMatches(client.OldSecretHash, c.secret)
	proved := !c.hasSecret
	if client.Confidential {
		proved = current || old && r.now().Before(client.OldSecretUntil)
	}
	if !known || !proved {
		return unproved(client, c)
	}
	return nil
}

func secretMatches(hash []byte, secret string) bool {
	if len(hash) == 0 {
		identity.SecretMatches(unknownHash, secret)
		return false
	}
	return identity.SecretMatches(hash, secret)
}

// AuthenticateRegistrar authenticates a client that may register users: a first-party client with the grant password
// and the scope account. Besides the errors of Authenticate, it returns oauth.UnauthorizedClient if the client may not,
// and the errors of CheckOrigin.
func (r *Registry) AuthenticateRegistrar(ctx context.Context, request *http.Request) (Client, error) {
	client, err := r.Authenticate(ctx, request)
	if err != nil {
		return Client{}, err
	}
	if err := client.CheckOrigin(request.Header); err != nil {
		return Client{}, err
	}
	if !client.MayUse(oauth.GrantPassword) || !slices.Contains(client.Scopes, oauth.ScopeAccount) {
		return Client{}, oauth.NewError(oauth.UnauthorizedClient,
			"The client may not register users: it needs the grant password and the scope account.")
	}
	return client, nil
}

// unproved returns the reason why a client was rejected, for the log. It does not contain an unknown client id, which
// could be a secret in the wrong field.
func unproved(client identity.Client, c credentials) error {
	switch {
	case client.ID == "":
		return errors.New("there is no such client")
	case client.Disabled():
		return fmt.Errorf("client %s is disabled", client.ID)
	case c.assertion != "":
		return fmt.Errorf("client %s has no keys: set --jwks-file or --jwks-uri", client.ID)
	case !client.Confidential:
		return fmt.Errorf("client %s is public and has no secret", client.ID)
	case !c.hasSecret:
		return fmt.Errorf("client %s sent no secret", client.ID)
	}
	return fmt.Errorf("client %s sent a wrong secret", client.ID)
}

// find asks the store only for valid client ids: HTTP Basic may contain NUL, which databases reject, and a form may
// contain 64 KiB, which caches should not store.
func (r *Registry) find(ctx context.Context, id string) (identity.Client, error) {
	if identity.ValidClientID(id) != nil {
		return identity.Client{}, identity.ErrNotFound
	}
	return r.store.Find(ctx, id)
}

// readCredentials reads the credentials from the Authorization header or from the form, but not from both.
func readCredentials(r *http.Request) (credentials, error) {
	form := credentials{id: r.PostForm.Get("client_id"), secret: r.PostForm.Get("client_secret"),
		hasSecret: r.PostForm.Has("client_secret"), assertion: r.PostForm.Get("client_assertion")}
	headers := r.Header.Values("Authorization")
	if form.assertion != "" || r.PostForm.Has("client_assertion_type") {
		return readAssertion(r.PostForm.Get("client_assertion_type"), form, len(headers) > 0)
	}
	if len(headers) == 0 {
		if form.id == "" {
			return credentials{}, &oauth.Error{Code: oauth.InvalidClient,
				Description: "The client is missing: send client_id in the form, or use HTTP Basic."}
		}
		return form, nil
	}
	basic, err := readBasic(r)
	switch {
	case len(headers) > 1 || form.hasSecret:
		return credentials{}, errTwoWays
	case err != nil:
		return credentials{}, err
	case form.id != "" && form.id != basic.id:
		return credentials{}, oauth.NewError(oauth.InvalidRequest,
			"client_id in the form differs from the client in the Authorization header.")
	}
	return basic, nil
}

// readAssertion reads the credentials of a request with an assertion. client_id is optional, and must be the subject of
// the assertion (RFC 7521 §4.2).
func readAssertion(kind string, c credentials, hasHeader bool) (credentials, error) {
	switch {
	case hasHeader || c.hasSecret:
		return credentials{}, errTwoWays
	case kind != assertionType || c.assertion == "":
		return credentials{}, oauth.NewError(oauth.InvalidRequest, "client_assertion needs client_assertion_type="+
			assertionType+".")
	}
	subject := subjectOf(c.assertion)
	if c.id != "" && subject != "" && c.id != subject {
		return credentials{}, oauth.NewError(oauth.InvalidRequest,
			"client_id in the form differs from sub in client_assertion.")
	}
	c.id = cmp.Or(c.id, subject)
	return c, nil
}

var errTwoWays = oauth.NewError(oauth.InvalidRequest, "Authenticate the client in one way: HTTP Basic, client_id and "+
	"client_secret in the form, or client_assertion.")

// readBasic reads HTTP Basic with a form-encoded client id and secret (RFC 6749 §2.3.1).
func readBasic(r *http.Request) (credentials, error) {
	user, password, ok := r.BasicAuth()
	id, err1 := url.QueryUnescape(user)
	secret, err2 := url.QueryUnescape(password)
	if !ok || err1 != nil || err2 != nil || id == "" {
		return credentials{}, &oauth.Error{
			Code: oauth.InvalidClient,
			Description: "The Authorization header must be HTTP Basic with form-encoded client id and " +
				"secret (RFC 6749 2.3.1).",
		}
	}
	return credentials{id: id, secret: secret, hasSecret: secret != ""}, nil
}
