package keys

import (
	"crypto/rsa"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"
)

// Set is an immutable set of opened keys. It is safe for concurrent use. A [Keeper] has the current one.
type Set struct {
	signer    *signingKey               // nil: it was revoked, and the next one could not be opened
	verifiers map[string]*rsa.PublicKey // by kid
	secrets   map[[secretIDSize]byte]*macKey
	secretIDs [][secretIDSize]byte // the current first
	publicIDs []string             // kids in the published order
	jwks      []byte
	etag      string
	damaged   []damagedKey // not in use
}

// signingKeyMaker returns a signer for a key, which is also given in its PKCS #8 form.
type signingKeyMaker func(id string, private *rsa.PrivateKey, pkcs8 []byte) *signingKey

// newSet builds a set of keys, which must be sorted from newest to oldest.
func newSet(opened []openKey, now time.Time, ready signingKeyMaker) (*Set, error) {
	records := make([]Record, len(opened))
	for n, key := range opened {
		records[n] = key.Record
	}
	signing, ok1 := chooseActive(records, Signing, now)
	refresh, ok2 := chooseActive(records, Refresh, now)
	if len(records) == 0 {
		return nil, errors.New("there are no keys yet: the first start of lingpai serve creates them")
	}
	if !ok1 || !ok2 {
		return nil, errors.New("all keys of a purpose in this database are retired or not yet announced: " +
			"there is none to sign with")
	}
	set := &Set{verifiers: map[string]*rsa.PublicKey{}, secrets: map[[secretIDSize]byte]*macKey{}}
	var published []publicKey
	for _, key := range opened {
		active := signing
		if key.Purpose == Refresh {
			active = refresh
		}
		state := key.state(active, now)
		public, err := set.add(key, state, now, ready)
		if err != nil {
			return nil, err
		}
		if state == Active {
			published = append(public, published...) // first, for verifiers that use only the first key
		} else {
			published = append(published, public...)
		}
	}
	for _, key := range published {
		set.publicIDs = append(set.publicIDs, key.ID)
	}
	var err error
	set.jwks, set.etag, err = publish(published)
	return set, err
}

// add adds a key, and returns its public keys to publish. It overwrites the plaintext of a signing key, which is no
// longer needed.
func (s *Set) add(key openKey, state State, now time.Time, ready signingKeyMaker) ([]publicKey, error) {
	switch {
	case state == Gone:
		return nil, nil
	case key.Purpose == Refresh:
		return nil, s.addSecret(key, state, now)
	}
	defer clear(key.plaintext)
	if state == Active {
		s.signer = ready(key.ID, key.private, key.plaintext)
	}
	if !key.counts(now) {
		return nil, nil
	}
	s.verifiers[key.ID] = &key.private.PublicKey
	return []publicKey{publicKeyOf(key.ID, &key.private.PublicKey)}, nil
}

func (s *Set) addSecret(key openKey, state State, now time.Time) error {
	name, err := parseSecret(key.ID, key.plaintext)
	if err != nil || !key.counts(now) {
		return err
	}
	s.secrets[name] = newMACKey(key.plaintext)
	if state == Active {
		s.secretIDs = append([][secretIDSize]byte{name}, s.secretIDs...)
	} else {
		s.secretIDs = append(s.secretIDs, name)
	}
	return nil
}

// parseSecret returns the name of a refresh secret in refresh tokens.
func parseSecret(id string, secret []byte) (name [secretIDSize]byte, err error) {
	decoded, err := hex.DecodeString(id)
	if err != nil || len(decoded) != secretIDSize || len(secret) != secretSize {
		return name, fmt.Errorf("the refresh secret %q in this database is damaged", id)
	}
	return [secretIDSize]byte(decoded), nil
}

// keep notes the keys that are damaged, and takes over those that an earlier set, which may be nil, has opened.
func (s *Set) keep(damaged []damagedKey, earlier *Set, now time.Time) error {
	s.damaged = damaged
	if earlier == nil || len(damaged) == 0 {
		return nil
	}
	for _, key := range damaged {
		if !key.counts(now) {
			continue
		}
		if public := earlier.verifiers[key.ID]; key.Purpose == Signing && public != nil {
			s.publicIDs, s.verifiers[key.ID] = append(s.publicIDs, key.ID), public
		}
		id, _ := hex.DecodeString(key.ID)
		if key.Purpose == Refresh && len(id) == secretIDSize && earlier.secrets[[secretIDSize]byte(id)] != nil {
			name := [secretIDSize]byte(id)
			s.secretIDs, s.secrets[name] = append(s.secretIDs, name), earlier.secrets[name]
		}
	}
	published := make([]publicKey, len(s.publicIDs))
	for n, id := range s.publicIDs {
		published[n] = publicKeyOf(id, s.verifiers[id])
	}
	var err error
	s.jwks, s.etag, err = publish(published)
	return err
}

// without returns the set without the keys that are gone, or the same set if none is. If no refresh secret is left,
// the result has no signer either.
func (s *Set) without(gone func(id string) bool) (*Set, error) {
	less := &Set{signer: s.signer, verifiers: map[string]*rsa.PublicKey{}, secrets: map[[secretIDSize]byte]*macKey{}}
	published := []publicKey{} // not nil, for an empty JSON array
	for _, id := range s.publicIDs {
		if !gone(id) {
			less.publicIDs, less.verifiers[id] = append(less.publicIDs, id), s.verifiers[id]
			published = append(published, publicKeyOf(id, s.verifiers[id]))
		}
	}
	for _, id := range s.secretIDs {
		if !gone(hex.EncodeToString(id[:])) {
			less.secretIDs, less.secrets[id] = append(less.secretIDs, id), s.secrets[id]
		}
	}
	if len(less.publicIDs) == len(s.publicIDs) && len(less.secretIDs) == len(s.secretIDs) {
		return s, nil
	}
	if gone(s.KeyID()) || len(less.secretIDs) == 0 {
		less.signer = nil
	}
	var err error
	less.jwks, less.etag, err = publish(published)
	return less, err
}

// Current returns the set itself, so that a set can be used in place of a [Keeper].
func (s *Set) Current() *Set { return s }

// PublicSet returns the JWK set (RFC 7517) and its strong ETag (RFC 9110 §8.8.3). Callers must not change the bytes.
func (s *Set) PublicSet() (jwks []byte, etag string) { return s.jwks, s.etag }

// Format implements fmt.Formatter: a set is always printed as "***".
func (Set) Format(state fmt.State, _ rune) { io.WriteString(state, masked) }
