package clients

import (
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
	known := err == nil && !client.Disabled()
	hash := client.SecretHash
	if len(hash) == 0 {
		hash = unknownHash
	}
	proved := identity.SecretMatches(hash, c.secret) && client.Confidential && len(client.SecretHash) > 0
	public := !client.Confidential && !c.hasSecret
	if !known || !proved && !public {
		return Client{}, &oauth.Error{
			Code: oauth.InvalidClient,
			Description: "Client authentication failed: unknown or disabled client, wrong secret, or a " +
				"secret of a public client.",
			Cause: unproved(client, c),
		}
	}
	return Client{client}, nil
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
		hasSecret: r.PostForm.Has("client_secret")}
	headers := r.Header.Values("Authorization")
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
		return credentials{}, oauth.NewError(oauth.InvalidRequest,
			"Authenticate the client in one way: HTTP Basic, or client_id and client_secret in the form.")
	case err != nil:
		return credentials{}, err
	case form.id != "" && form.id != basic.id:
		return credentials{}, oauth.NewError(oauth.InvalidRequest,
			"client_id in the form differs from the client in the Authorization header.")
	}
	return basic, nil
}

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
