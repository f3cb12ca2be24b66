package tokens

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/lingpai/lingpai/identity"
)

const (
	// typeRevocations has a number, since readers of an earlier list would ignore the buckets.
	typeRevocations = "revocations2+jwt"

	// revocationSize is how many bytes of the SHA-256 of a session id are listed. With 128 bits it is infeasible to
	// find another id that matches a listed one.
	revocationSize = 16
	// maxRevocations limits the individual sessions of a list. With an entry for each of the 65 536 buckets as well, it
	// has about 1.3 MB.
	maxRevocations = 20000

	// revocationsReadInterval is how long a list, or an error of the store, is used before the store is read again.
	// What took long to read is used readCost times as long as that, but not longer than maxReadInterval, so that
	// reading takes a fifth of the time at most.
	revocationsReadInterval = time.Second
	readCost                = 4
	maxReadInterval         = 15 * time.Second

	revocationsSignInterval = time.Minute     // how often an unchanged list is signed again
	revocationsLifetime     = 5 * time.Minute // of a signed list
)

// revocationClaims are the claims of the list. Times are Unix times in seconds, unless stated otherwise.
type revocationClaims struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	// Sequence increases from list to list, even if different servers sign them. It is the store's Unix time in
	// milliseconds when the list was read, or later if that clock was set back.
	Sequence int64 `json:"seq"`
	// Sessions is the base64url of the first 16 bytes of the SHA-256 of each session id, sorted and concatenated.
	Sessions string `json:"sids"`
	// Buckets is the base64url of 6 bytes for each bucket of which too many sessions ended, in ascending order: the
	// bucket in 2 bytes (see identity.Bucket), and a time in 4. Verifiers must reject every token whose sub is in the
	// bucket, that belongs to a session and was issued before that time. Clients with an active session just refresh
	// once more.
	Buckets string `json:"buckets"`
}

// Revocations is the signed list of sessions that ended before their access tokens expired. It is for services that
// verify tokens offline. It is safe for concurrent use.
type Revocations struct {
	issuer  *Issuer
	reads   singleflight.Group
	latest  atomic.Pointer[RevocationList]
	failure atomic.Pointer[revocationFailure] // of the last read; nil if it succeeded
}

// RevocationList is a signed list. It is immutable.
type RevocationList struct {
	Body    []byte // a compact JWS
	Gzipped []byte // the same, compressed; nil if that is not shorter
	ETag    string // weak, of the contents

	sequence int64
	readAt   time.Time // by this server's clock
	freshFor time.Duration
	signedAt time.Time // by this server's clock
}

type revocationFailure struct {
	at  time.Time
	err error
}

// NewRevocations returns the list of revocations for an issuer's tokens.
func NewRevocations(issuer *Issuer) *Revocations { return &Revocations{issuer: issuer} }

// List returns the list, which is usually at most a second old. It reads the store only when it is called, and at most
// once a second. While the store is down or slow, it returns the last list until that expires. Then it returns the
// store's error, ErrNotSigned or the context's error.
func (r *Revocations) List(ctx context.Context) (*RevocationList, error) {
	now := r.issuer.config.Now()
	last := r.latest.Load()
	if last != nil && now.Sub(last.readAt).Abs() < last.freshFor {
		return last, nil
	}
	if last != nil && now.Sub(last.signedAt).Abs() >= revocationsLifetime {
		last = nil
	}
	var err error
	failure := r.failure.Load()
	if failure == nil || now.Sub(failure.at).Abs() >= revocationsReadInterval {
		if err = r.readShared(ctx, now, last != nil); err == nil {
			last = r.latest.Load()
		}
	} else {
		err = failure.err
	}
	if last == nil {
		return nil, err
	}
	return last, nil
}

// readShared reads the list once for all concurrent callers. It waits for the result until the caller's context ends;
// if hasLast is set, there is an older list to return, so it waits for at most a second.
func (r *Revocations) readShared(ctx context.Context, now time.Time, hasLast bool) error {
	read := r.reads.DoChan("", func() (any, error) {
		err := r.read(context.WithoutCancel(ctx), now)
		if err != nil {
			r.failure.Store(&revocationFailure{now, err})
		} else {
			r.failure.Store(nil)
		}
		return nil, err
	})
	var timeout <-chan time.Time
	if hasLast {
		timer := time.NewTimer(revocationsReadInterval)
		defer timer.Stop()
		timeout = timer.C
	}
	select {
	case done := <-read:
		return done.Err
	case <-timeout:
		return errSlowStore
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errSlowStore = errors.New("the store has not answered yet")

// read reads the store. It signs a new list if the contents have changed, another minute has begun, or another key is
// in use, since verifiers reject a list signed by a revoked key.
func (r *Revocations) read(ctx context.Context, now time.Time) error {
	config, began := r.issuer.config, time.Now()
	endings, err := config.Sessions.Ended(ctx, config.AccessTTL, maxRevocations)
	if err != nil {
		return err
	}
	took := time.Since(began)
	claims := revocationClaims{
		Issuer:   config.Issuer,
		Sessions: encodeSessions(endings.SessionIDs), Buckets: encodeBuckets(endings.Buckets),
	}
	signer := config.Keys.Current()
	next := RevocationList{
		ETag:     claims.etag(endings.ReadAt.Truncate(revocationsSignInterval), signer.KeyID()),
		sequence: endings.ReadAt.UnixMilli(), readAt: now, signedAt: now,
		freshFor: min(max(revocationsReadInterval, readCost*took), maxReadInterval),
	}
	if last := r.latest.Load(); last != nil {
		if last.ETag == next.ETag && now.Sub(last.signedAt).Abs() < 2*revocationsSignInterval {
			again := *last
			again.readAt, again.freshFor = next.readAt, next.freshFor
			r.latest.Store(&again)
			return nil
		}
		next.sequence = max(next.sequence, last.sequenceAt(now))
	}
	claims.IssuedAt, claims.Expires = now.Unix(), now.Add(revocationsLifetime).Unix()
	claims.Sequence = next.sequence
	if next.Body, err = encodeAndSign(claims, typeRevocations, signer.SignDocument); err != nil {
		return err
	}
	next.Gzipped = compress(next.Body)
	r.latest.Store(&next)
	return nil
}

// sequenceAt returns the lowest sequence of a list that comes after this one. It is only needed if the store's clock
// was set back, by an operator or a failover. Since all servers count on at the same speed, verifiers accept the lists
// of each of them.
func (l *RevocationList) sequenceAt(now time.Time) int64 {
	return l.sequence + max(1, now.Sub(l.signedAt).Milliseconds())
}

// etag returns an ETag of all claims. Those that differ between servers with the same contents, in the same minute by
// the store's clock and with the same key, are not set yet, so that all servers return the same ETag.
func (c revocationClaims) etag(minute time.Time, keyID string) string {
	payload, _ := json.Marshal(c) // texts and numbers
	sum := sha256.Sum256(fmt.Appendf(nil, "%d %s %s", minute.Unix(), keyID, payload))
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
}

// compress returns the gzip of a list, or nil if it is not shorter. Hashes have no repetitions, so only the alphabet of
// base64 is used.
func compress(body []byte) []byte {
	var b bytes.Buffer
	writer, _ := gzip.NewWriterLevel(&b, gzip.HuffmanOnly) // errors are only about the level
	_, _ = writer.Write(body)                              // into memory
	if _ = writer.Close(); b.Len() >= len(body) {
		return nil
	}
	return b.Bytes()
}

// encodeSessions sorts the hashes, so that verifiers can use binary search and the order in which sessions ended is not
// revealed.
func encodeSessions(sessionIDs []string) string {
	hashes := make([][revocationSize]byte, len(sessionIDs))
	for n, id := range sessionIDs {
		sum := sha256.Sum256([]byte(id))
		hashes[n] = [revocationSize]byte(sum[:])
	}
	slices.SortFunc(hashes, func(a, b [revocationSize]byte) int { return bytes.Compare(a[:], b[:]) })
	all := make([]byte, 0, len(hashes)*revocationSize)
	for _, hash := range slices.Compact(hashes) { // a session may have been read before and after its deletion
		all = append(all, hash[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(all)
}

// encodeBuckets returns the claim for endings, which are sorted. The times in tokens are truncated to seconds, so a
// token that was issued in the same second as an ending counts as older.
func encodeBuckets(endings []identity.EndedBucket) string {
	all := make([]byte, 0, 6*len(endings))
	for _, ending := range endings {
		all = binary.BigEndian.AppendUint16(all, ending.Bucket)
		all = binary.BigEndian.AppendUint32(all, uint32(ending.At.Unix()+1))
	}
	return base64.RawURLEncoding.EncodeToString(all)
}
