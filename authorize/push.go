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

func pushedKey(id string) string { return identity.VolatileKey("pushed request", id) }

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
	id := rand.Text()
	if err := s.volatile.Put(ctx, pushedKey(id), []byte(r.canonical), PushedLifetime); err != nil {
		return "", oauth.StoreFailed(err)
	}
	return requestURIPrefix + id, nil
}

// readPushed reads a request that was pushed. Of the other parameters only client_id and ui_locales count.
func (s *Service) readPushed(ctx context.Context, form url.Values) (Request, error) {
	for _, values := range form {
		if len(values) > 1 {
			return Request{}, invalid("A parameter is repeated (RFC 6749 3.1).")
		}
	}
	locales := form.Get("ui_locales")
	if len(locales) > maxHint || !oauth.CleanText(locales) {
		return Request{}, invalid("ui_locales has at most 255 characters.")
	}
	uri := form.Get("request_uri")
	id := strings.TrimPrefix(uri, requestURIPrefix)
	stored, err := s.volatile.Get(ctx, pushedKey(id))
	if err != nil && !errors.Is(err, identity.ErrNotFound) {
		return Request{}, oauth.StoreFailed(err)
	}
	pushed, parsed := url.ParseQuery(string(stored))
	if err != nil || parsed != nil || pushed.Get("client_id") != form.Get("client_id") {
		return Request{}, errPushedGone
	}
	r, err := s.readForm(ctx, pushed)
	if err != nil {
		return r, err
	}
	r.pushed = id
	r.setCarried(url.Values{"client_id": {r.Client.ID}, "request_uri": {uri}},
		cmp.Or(locales, pushed.Get("ui_locales")))
	return r, nil
}

// takePushed lets a pushed request be answered with a code once.
func (s *Service) takePushed(ctx context.Context, r Request) error {
	if r.pushed == "" {
		return nil
	}
	_, err := s.volatile.Take(ctx, pushedKey(r.pushed))
	if errors.Is(err, identity.ErrNotFound) {
		return errPushedGone
	}
	if err != nil {
		return oauth.StoreFailed(err)
	}
	return nil
}
