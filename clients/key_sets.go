package clients

import (
	"cmp"
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
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/outbound"
)

const (
	maxKeySet  = 64 << 10 // bytes
	maxKeySets = 1000
	maxWaiting = 64 // requests for each key set

	keySetAge   = 5 * time.Minute  // a key set is read again when it is older
	keySetPause = 30 * time.Second // between two attempts to read one, however many tokens have unknown keys
	keySetGrace = 24 * time.Hour   // a key set that cannot be read again is used for so long
)

var errKeySetTooLarge = errors.New("the key set is larger than 64 KiB")

// errKeySetBusy is for a request that would be one too many to wait for a key set: each holds one of the places that
// the requests of all clients share.
var errKeySetBusy = oauth.Unavailable("The client's jwks_uri answers slowly. Try again shortly.", time.Second, nil)

// keySets has the public keys of clients. It is safe for concurrent use.
type keySets struct {
	outbound *outbound.Client
	now      func() time.Time
	sets     *otter.Cache[string, *keySet] // by the text of the set, or by its URL
}

// keySet is the key set of a client.
type keySet struct {
	waiting chan struct{} // holds an element for each request that waits until another one has read the set
	reading sync.Mutex    // while the set is read

	mutex       sync.Mutex
	keys        keys.Foreign
	err         error     // why it could not be read the last time
	read, tried time.Time // zero: never
}

func newKeySets(issuer string, now func() time.Time) *keySets {
	return &keySets{outbound: outbound.New(issuer), now: now,
		sets: otter.Must(&otter.Options[string, *keySet]{MaximumSize: maxKeySets})}
}

// of returns the keys of a client's record. A set at a URL is read again if it is old, or if it is outdated because it
// does not have a key. It returns errKeySetBusy if many wait for that.
func (s *keySets) of(ctx context.Context, client identity.Client, outdated bool) (keys.Foreign, error) {
	set, err := s.sets.Get(ctx, cmp.Or(client.JWKSURI, client.JWKS), otter.LoaderFunc[string, *keySet](
		func(context.Context, string) (*keySet, error) {
			set := &keySet{waiting: make(chan struct{}, maxWaiting)}
			if client.JWKSURI == "" {
				set.update([]byte(client.JWKS), nil, s.now())
			}
			return set, nil
		}))
	if err != nil {
		return keys.Foreign{}, err
	}
	if client.JWKSURI != "" && set.due(s.now(), outdated) {
		if err := s.readAgain(ctx, set, client.JWKSURI, outdated); err != nil {
			return keys.Foreign{}, err
		}
	}
	return set.known()
}

// readAgain reads a set, or waits until another request has read it. It does not wait if there are keys that will do.
func (s *keySets) readAgain(ctx context.Context, set *keySet, uri string, outdated bool) error {
	if !set.reading.TryLock() {
		if !outdated && set.within(keySetGrace, s.now()) {
			return nil
		}
		select {
		case set.waiting <- struct{}{}:
			defer func() { <-set.waiting }()
		default:
			return errKeySetBusy
		}
		set.reading.Lock()
	}
	defer set.reading.Unlock()
	if set.due(s.now(), outdated) {
		text, err := s.fetch(context.WithoutCancel(ctx), uri)
		set.update(text, err, s.now())
	}
	return nil
}

// within reports whether the set was read within a time.
func (k *keySet) within(age time.Duration, now time.Time) bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	return now.Sub(k.read) <= age
}

// known returns the keys, or why there are none.
func (k *keySet) known() (keys.Foreign, error) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	if k.read.IsZero() {
		return keys.Foreign{}, k.err
	}
	return k.keys, nil
}

func (k *keySet) due(now time.Time, outdated bool) bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	switch age := now.Sub(k.tried); {
	case k.tried.IsZero():
		return true
	case outdated || k.err != nil:
		return age >= keySetPause
	default:
		return age >= keySetAge
	}
}

// update takes over what was read. What cannot be used leaves the keys from before in place for a while.
func (k *keySet) update(text []byte, err error, now time.Time) {
	k.mutex.Lock()
	defer k.mutex.Unlock()
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
