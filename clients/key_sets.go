package clients

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/maypok86/otter/v2"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/outbound"
)

const (
	maxKeySet  = 64 << 10 // bytes
	maxKeySets = 1000

	keySetAge   = 5 * time.Minute  // a key set is read again when it is older
	keySetPause = 30 * time.Second // between two attempts to read one, however many tokens have unknown keys
	keySetGrace = 24 * time.Hour   // a key set that cannot be read again is used for so long
)

var errKeySetTooLarge = errors.New("the key set is larger than 64 KiB")

// keySets has the public keys of clients. It is safe for concurrent use.
type keySets struct {
	outbound *outbound.Client
	now      func() time.Time
	sets     *otter.Cache[string, *keySet] // by the text of the set, or by its URL
}

// keySet is the key set of a client.
type keySet struct {
	mutex       sync.Mutex // also while it is read: other requests need it too
	keys        keys.Foreign
	err         error     // why it could not be read the last time
	read, tried time.Time // zero: never
}

func newKeySets(issuer string, now func() time.Time) *keySets {
	return &keySets{outbound: outbound.New(issuer), now: now,
		sets: otter.Must(&otter.Options[string, *keySet]{MaximumSize: maxKeySets})}
}

// of returns the keys of a client's record. A set at a URL is read again if it is old, or if it is outdated because it
// does not have a key.
func (s *keySets) of(ctx context.Context, client identity.Client, outdated bool) (keys.Foreign, error) {
	name := client.JWKS
	if client.JWKSURI != "" {
		name = client.JWKSURI
	}
	set, err := s.sets.Get(ctx, name, otter.LoaderFunc[string, *keySet](
		func(context.Context, string) (*keySet, error) { return &keySet{}, nil }))
	if err != nil {
		return keys.Foreign{}, err
	}
	set.mutex.Lock()
	defer set.mutex.Unlock()
	if set.due(s.now(), outdated, client.JWKSURI != "") {
		text := []byte(client.JWKS)
		if client.JWKSURI != "" {
			text, err = s.fetch(context.WithoutCancel(ctx), client.JWKSURI)
		}
		set.update(text, err, s.now())
	}
	if set.read.IsZero() {
		return keys.Foreign{}, set.err
	}
	return set.keys, nil
}

func (k *keySet) due(now time.Time, outdated, remote bool) bool {
	switch age := now.Sub(k.tried); {
	case k.tried.IsZero():
		return true
	case !remote:
		return false
	case outdated || k.err != nil:
		return age >= keySetPause
	default:
		return age >= keySetAge
	}
}

// update takes over what was read. What cannot be used leaves the keys from before in place for a while.
func (k *keySet) update(text []byte, err error, now time.Time) {
	k.tried = now
	var found keys.Foreign
	if err == nil {
		found, err = keys.ParseForeign(text)
	}
	if k.err = err; err == nil {
		k.keys, k.read = found, now
	} else if now.Sub(k.read) > keySetGrace {
		k.keys, k.read = keys.Foreign{}, time.Time{}
	}
}

// fetch reads the key set of a client at its jwks_uri.
func (s *keySets) fetch(ctx context.Context, uri string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, uri, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.outbound.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, maxKeySet+1))
	switch {
	case err != nil:
		return nil, err
	case response.StatusCode != http.StatusOK:
		return nil, fmt.Errorf("jwks_uri answered %d", response.StatusCode)
	case len(text) > maxKeySet:
		return nil, errKeySetTooLarge
	}
	return text, nil
}
