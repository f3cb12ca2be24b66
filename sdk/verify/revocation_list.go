package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"
)

const (
	hashSize    = 16      // bytes of the SHA-256 of a session id in the list
	maxListSize = 1 << 20 // bytes; Lingpai's have at most 600 KB

	// maxListLifetime limits the validity of a list; Lingpai's are valid for 5 minutes. A list that never expires could
	// never be replaced.
	maxListLifetime = time.Hour
)

// revocations is the last fetched list. It is immutable.
type revocations struct {
	hashes    []byte    // in order, hashSize bytes each
	allBefore time.Time // tokens of sessions issued before it count as listed; zero: none
	sequence  int64     // higher for newer lists
	expires   time.Time
	key       *publicKey // that signed it
	url       string     // from which it was fetched
	etag      string
	readAt    time.Time // when the issuer last confirmed it
}

// listPayload is the JSON form of the list. Times are seconds since 1970.
type listPayload struct {
	Issuer    string  `json:"iss"`
	IssuedAt  instant `json:"iat"`
	Expires   instant `json:"exp"`
	Sequence  int64   `json:"seq"`
	Sessions  *string `json:"sids"` // base64url; required, but may be empty
	AllBefore instant `json:"all_before"`
}

var (
	errNoList     = errors.New("it is not a revocations+jwt that a key of the issuer signed")
	errListClaims = errors.New("its claims are not those of a list of revocations")
	errListIssuer = errors.New("it is from another issuer")
	errNoKeysYet  = errors.New("there are no keys to check it with yet")
	errListTime   = errors.New("it has expired, is not valid yet, or is valid for more than an hour")
	errListOrder  = errors.New("its entries are incomplete or not sorted")
)

// read checks a list as strictly as a token: RS256, its type, a key of the issuer, its issuer and its validity. Its
// errors do not wrap ErrInvalidToken, since they are not errors of a token.
func (s *revocationSource) read(ctx context.Context, body []byte) (*revocations, error) {
	now := s.now()
	signed, err := parseToken(string(body), typeRevocations)
	if err != nil {
		return nil, errNoList
	}
	key, err := s.keys.find(ctx, signed.keyID, now)
	if errors.Is(err, ErrUnavailable) {
		return nil, errNoKeysYet
	}
	if err != nil || signed.signedBy(key.rsa) != nil {
		return nil, errNoList
	}
	var p listPayload
	if readObject(signed.payload, &p) != nil || p.Sessions == nil || p.Sequence <= 0 || p.AllBefore < 0 ||
		p.AllBefore > lastInstant {
		return nil, errListClaims
	}
	if p.Issuer != s.fetcher.issuer {
		return nil, errListIssuer
	}
	list := &revocations{key: key, url: s.url, allBefore: p.AllBefore.time(), sequence: p.Sequence,
		expires: time.Unix(int64(p.Expires), 0)}
	if !s.good(list, now) || time.Unix(int64(p.IssuedAt), 0).After(now.Add(s.leeway)) ||
		list.expires.After(now.Add(maxListLifetime)) {
		return nil, errListTime
	}
	list.hashes, err = base64.RawURLEncoding.Strict().DecodeString(*p.Sessions)
	if err != nil || !inOrder(list.hashes) {
		return nil, errListOrder
	}
	return list, nil
}

// inOrder reports whether hashes are sorted, which binary search requires.
func inOrder(hashes []byte) bool {
	if len(hashes)%hashSize != 0 {
		return false
	}
	for n := hashSize; n < len(hashes); n += hashSize {
		if bytes.Compare(hashes[n-hashSize:n], hashes[n:n+hashSize]) > 0 {
			return false
		}
	}
	return true
}
