package verify

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"sort"
	"time"
)

const (
	hashSize    = 16      // bytes of the SHA-256 of a session id in the list
	keySize     = 2       // bytes of the SHA-256 of a user's id, which are the user's bucket
	bucketSize  = 6       // bytes of an entry: the bucket, and a time
	maxListSize = 2 << 20 // bytes; Lingpai's have at most 1.3 MB

	// maxListLifetime limits the validity of a list; Lingpai's are valid for 5 minutes. A list that never expires could
	// never be replaced.
	maxListLifetime = time.Hour
)

// revocations is the last fetched list. It is immutable.
type revocations struct {
	sessions []byte // in order, hashSize bytes each
	buckets  []byte // in order, bucketSize bytes each, at most one for a bucket
	sequence int64  // higher for newer lists
	expires  time.Time
	key      *publicKey // that signed it
	url      string     // from which it was fetched
	etag     string
	readAt   time.Time // when the issuer last confirmed it
}

// listPayload is the JSON form of the list. Times are seconds since 1970.
type listPayload struct {
	Issuer   string  `json:"iss"`
	IssuedAt instant `json:"iat"`
	Expires  instant `json:"exp"`
	Sequence int64   `json:"seq"`     // milliseconds
	Sessions *string `json:"sids"`    // base64url; required, but may be empty
	Buckets  *string `json:"buckets"` // the same
}

var (
	errNoList     = errors.New("it is not a revocations2+jwt that a key of the issuer signed")
	errListClaims = errors.New("its claims are not those of a list of revocations")
	errListIssuer = errors.New("it is from another issuer")
	errNoKeysYet  = errors.New("there are no keys to check it with yet")
	errListTime   = errors.New("it has expired, is not valid yet, or is valid for more than an hour")
	errListOrder  = errors.New("its entries are incomplete or not sorted")
	errListFuture = errors.New("it covers tokens that are issued after it")
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
	if readObject(signed.payload, &p) != nil || p.Sessions == nil || p.Buckets == nil || p.Sequence <= 0 {
		return nil, errListClaims
	}
	if p.Issuer != s.fetcher.issuer {
		return nil, errListIssuer
	}
	list := &revocations{key: key, url: s.url, sequence: p.Sequence, expires: time.Unix(int64(p.Expires), 0)}
	if !s.good(list, now) || time.Unix(int64(p.IssuedAt), 0).After(now.Add(s.leeway)) ||
		list.expires.After(now.Add(maxListLifetime)) {
		return nil, errListTime
	}
	encoding := base64.RawURLEncoding.Strict()
	var err1, err2 error
	list.sessions, err1 = encoding.DecodeString(*p.Sessions)
	list.buckets, err2 = encoding.DecodeString(*p.Buckets)
	if err1 != nil || err2 != nil || !inOrder(list.sessions, hashSize, hashSize) ||
		!inOrder(list.buckets, bucketSize, keySize) {
		return nil, errListOrder
	}
	for n := 0; n < len(list.buckets); n += bucketSize {
		if timeOf(list.buckets[n:]) > list.sequence/1000+1 {
			return nil, errListFuture
		}
	}
	return list, nil
}

// check returns an error for the claims of a session that has ended, or may have.
func (r *revocations) check(claims *Claims) error {
	sum := sha256.Sum256([]byte(claims.Session))
	if entry(r.sessions, hashSize, sum[:hashSize]) != nil {
		return sessionEnded
	}
	if len(r.buckets) == 0 {
		return nil
	}
	sum = sha256.Sum256([]byte(claims.Subject))
	if found := entry(r.buckets, bucketSize, sum[:keySize]); found != nil && claims.IssuedAt.Unix() < timeOf(found) {
		return bucketEnded
	}
	return nil
}

// entry returns the entry that begins with a key, or nil. All have the same size and are in order.
func entry(entries []byte, size int, key []byte) []byte {
	count := len(entries) / size
	n := sort.Search(count, func(n int) bool { return bytes.Compare(entries[n*size:n*size+len(key)], key) >= 0 })
	if n == count || !bytes.Equal(entries[n*size:n*size+len(key)], key) {
		return nil
	}
	return entries[n*size : (n+1)*size]
}

// timeOf returns the time of a bucket's entry: tokens that were issued before it are rejected.
func timeOf(entry []byte) int64 { return int64(binary.BigEndian.Uint32(entry[keySize:])) }

// inOrder reports whether entries are complete and sorted by their first bytes, none of which are repeated. Binary
// search requires that.
func inOrder(entries []byte, size, key int) bool {
	if len(entries)%size != 0 {
		return false
	}
	for n := size; n < len(entries); n += size {
		if bytes.Compare(entries[n-size:n-size+key], entries[n:n+key]) >= 0 {
			return false
		}
	}
	return true
}
