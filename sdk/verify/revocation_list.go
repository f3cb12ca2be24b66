package verify

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"time"
)

const (
	hashSize    = 16      // bytes of the SHA-256 of a session id that the list has
	maxListSize = 1 << 20 // bytes; Lingpai makes none beyond 600 KB

	// maxListLife is how long a list may be good; Lingpai's are for 5 minutes. One that were good for ever
	// would be the last.
	maxListLife = time.Hour
)

// revocations is the list as it was read last. It does not change.
type revocations struct {
	hashes    []byte    // in order, hashSize bytes each
	allBefore time.Time // every token of a session that was issued before it counts as listed; zero: none
	sequence  int64     // of two lists the one with the higher number is newer
	expires   time.Time
	key       *publicKey // that signed it
	url       string     // where it was
	etag      string
	readAt    time.Time // when the issuer said last that it is its list
}

// listPayload is the list on the wire. Instants are seconds since 1970.
type listPayload struct {
	Issuer    string  `json:"iss"`
	IssuedAt  instant `json:"iat"`
	Expires   instant `json:"exp"`
	Sequence  int64   `json:"seq"`
	Sessions  *string `json:"sids"` // base64url; empty if nobody left, and never missing
	AllBefore instant `json:"all_before"`
}

var (
	errNoList     = errors.New("it is not a revocations+jwt that a key of the issuer signed")
	errListClaims = errors.New("its claims are not those of a list of revocations")
	errListIssuer = errors.New("it is of another issuer")
	errNoKeysYet  = errors.New("there are no keys to check it with yet")
	errListTime   = errors.New("it has expired, its time has not come, or it is good for more than an hour")
	errListOrder  = errors.New("its entries are not whole, or not in order")
)

// read checks a list as strictly as a token: by RS256, its type, a key of the issuer's, its issuer and its
// time. Its errors are no ErrInvalidToken: the fault is not of whoever presents one.
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
		list.expires.After(now.Add(maxListLife)) {
		return nil, errListTime
	}
	list.hashes, err = base64.RawURLEncoding.Strict().DecodeString(*p.Sessions)
	if err != nil || !inOrder(list.hashes) {
		return nil, errListOrder
	}
	return list, nil
}

// inOrder says whether hashes can be searched: else one that is there might not be found.
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
