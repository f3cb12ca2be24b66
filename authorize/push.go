package authorize

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
)

// PushedLifetime is how long a pushed request can be used.
const PushedLifetime = 10 * time.Minute

// requestURIPrefix begins the request_uri of a pushed request (RFC 9126 §2.2).
const requestURIPrefix = "urn:ietf:params:oauth:request_uri:"

// errPushedGone is about a pushed request that has expired, was used or was lost: the volatile store keeps it.
var errPushedGone = oauth.NewError(oauth.InvalidRequestURI, "There is no such pushed request of this client: it may "+
	"have expired or been used. Start again at the client.")

// pushedRequests are requests that clients have pushed (RFC 9126).
type pushedRequests struct{ volatile identity.Volatile }

func pushedKey(uri string) string {
	return identity.VolatileKey("pushed request", strings.TrimPrefix(uri, requestURIPrefix))
}

// add keeps the parameters of a request and returns its request_uri.
func (p pushedRequests) add(ctx context.Context, parameters string) (string, error) {
	uri := requestURIPrefix + rand.Text()
	if err := p.volatile.Put(ctx, pushedKey(uri), []byte(parameters), PushedLifetime); err != nil {
		return "", oauth.StoreFailed(err)
	}
	return uri, nil
}

// find returns the parameters of a client's request.
func (p pushedRequests) find(ctx context.Context, uri, clientID string) (url.Values, error) {
	stored, err := p.volatile.Get(ctx, pushedKey(uri))
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return nil, oauth.StoreFailed(err)
	}
	parameters, parsed := url.ParseQuery(string(stored))
	if err != nil || parsed != nil || parameters.Get("client_id") != clientID {
		return nil, errPushedGone
	}
	return parameters, nil
}

// take removes a request that is answered with a code. Of several that take it, one succeeds.
func (p pushedRequests) take(ctx context.Context, uri string) error {
	_, err := p.volatile.Take(ctx, pushedKey(uri))
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return errPushedGone
	case err != nil:
		return oauth.StoreFailed(err)
	}
	return nil
}

// Push checks an authorization request that an authenticated client has sent from an address, and keeps it. It returns
// its request_uri (RFC 9126), or an oauth.Error.
func (s *Service) Push(ctx context.Context, client clients.Client, address string, form url.Values) (string, error) {
	if form.Has("request_uri") {
		return "", invalid("A pushed request must not have request_uri (RFC 9126 2.1).")
	}
	if !client.Confidential { // anybody can push its requests
		if err := s.limiter.Count(ctx, limits.ByAddress(limits.PushedRequests, address).
			About(identity.Event{ClientID: client.ID})); err != nil {
			return "", err
		}
	}
	form.Set("client_id", client.ID) // which HTTP Basic names elsewhere
	r, err := s.readForm(ctx, form)
	if err != nil {
		return "", err
	}
	return s.pushed.add(ctx, r.canonical)
}

// readPushed reads a request that was pushed. Of the other parameters only client_id and ui_locales count.
func (s *Service) readPushed(ctx context.Context, form url.Values) (Request, error) {
	if err := checkForm(form, nil); err != nil {
		return Request{}, err
	}
	uri := form.Get("request_uri")
	pushed, err := s.pushed.find(ctx, uri, form.Get("client_id"))
	if err != nil {
		return Request{}, err
	}
	r, err := s.readForm(ctx, pushed)
	if err != nil {
		return r, err
	}
	r.pushed = uri
	r.setCarried(url.Values{"client_id": {r.Client.ID}, "request_uri": {uri}},
		cmp.Or(form.Get("ui_locales"), pushed.Get("ui_locales")))
	return r, nil
}
