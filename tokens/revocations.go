package tokens

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/singleflight"
)

const (
	typeRevocations = "revocations+jwt"

	// revocationSize is how many bytes of the SHA-256 of a session id are listed. With 128 bits it is infeasible to
	// find another id that matches a listed one.
	revocationSize = 16
	// maxRevocations limits the list to about 600 KB. More sessions are covered by AllBefore.
	maxRevocations = 20000

	// revocationsReadInterval is how long a list, or an error of the store, is used before the store is read again.
	revocationsReadInterval = time.Second
	revocationsSignInterval = time.Minute     // how often an unchanged list is signed again
	revocationsLifetime     = 5 * time.Minute // of a signed list
)

// revocationClaims are the claims of the list. Times are Unix times in seconds, unless stated otherwise.
type revocationClaims struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	// Sequence increases from list to list, even if different servers sign them. It is the store's Unix time in
	// milliseconds when the list was read.
	Sequence int64 `json:"seq"`
	// Sessions is the base64url of the first 16 bytes of the SHA-256 of each session id, sorted and concatenated.
	Sessions string `json:"sids"`
	// AllBefore is set if there are too many sessions to list. Verifiers must then reject every token that belongs to
	// a session and was issued before it. Clients with an active session just refresh once more.
	AllBefore int64 `json:"all_before,omitempty"`
}

// Revocations is the signed list of sessions that ended before their access tokens expired. It is for services that
// verify tokens offline. It is safe for concurrent use.
type Revocations struct {
	issuer  *Issuer
	reads   singleflight.Group
	latest  atomic.Pointer[revocationList]
	failure atomic.Pointer[revocationFailure] // of the last read; nil if it succeeded
}

// revocationList is immutable.
type revocationList struct {
	body     []byte
	etag     string
	readAt   time.Time // by this server's clock
	signedAt time.Time // by this server's clock
}

type revocationFailure struct {
	at  time.Time
	err error
}

// NewRevocations returns the list of revocations for an issuer's tokens.
func NewRevocations(issuer *Issuer) *Revocations { return &Revocations{issuer: issuer} }

// List returns the list as a compact JWS, at most a second old, and a weak ETag of its contents. It reads the store
// only when it is called, and at most once a second. While the store is down or slow, it returns the last list until
// that expires. Then it returns the store's error, ErrNotSigned or the context's error. Callers must not change the
// bytes.
func (r *Revocations) List(ctx context.Context) (body []byte, etag string, err error) {
	now := r.issuer.config.Now()
	last := r.latest.Load()
	if last != nil && now.Sub(last.readAt).Abs() < revocationsReadInterval {
		return last.body, last.etag, nil
	}
	if last != nil && now.Sub(last.signedAt).Abs() >= revocationsLifetime {
		last = nil
	}
	failure := r.failure.Load()
	if failure == nil || now.Sub(failure.at).Abs() >= revocationsReadInterval {
		if err = r.readShared(ctx, now, last != nil); err == nil {
			last = r.latest.Load()
		}
	} else {
		err = failure.err
	}
	if last == nil {
		return nil, "", err
	}
	return last.body, last.etag, nil
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
// in use, since verifiers reject a list signed by a revoked key. The ETag is derived from the contents, the minute by
// the store's clock and the key, so it is the same on every server.
func (r *Revocations) read(ctx context.Context, now time.Time) error {
	config := r.issuer.config
	endings, err := config.Sessions.Ended(ctx, config.AccessTTL, maxRevocations)
	if err != nil {
		return err
	}
	claims := revocationClaims{
		Issuer: config.Issuer, IssuedAt: now.Unix(), Expires: now.Add(revocationsLifetime).Unix(),
		Sequence: endings.ReadAt.UnixMilli(),
		Sessions: encodeSessions(endings.SessionIDs), AllBefore: wholeSecondAfter(endings.MissingUntil),
	}
	signer := config.Keys.Current()
	etag := claims.etag(endings.ReadAt.Truncate(revocationsSignInterval), signer.KeyID())
	if last := r.latest.Load(); last != nil && last.etag == etag &&
		now.Sub(last.signedAt).Abs() < 2*revocationsSignInterval {
		again := *last
		again.readAt = now
		r.latest.Store(&again)
		return nil
	}
	body, err := encodeAndSign(claims, typeRevocations, signer.SignDocument)
	if err != nil {
		return err
	}
	r.latest.Store(&revocationList{body: body, etag: etag, readAt: now, signedAt: now})
	return nil
}

func (c revocationClaims) etag(minute time.Time, keyID string) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %d %d %s", c.Sessions, c.AllBefore, minute.Unix(), keyID))
	return `W/"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`
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
	for _, hash := range hashes {
		all = append(all, hash[:]...)
	}
	return base64.RawURLEncoding.EncodeToString(all)
}

// wholeSecondAfter returns the first whole second after a time. The times in tokens are truncated to seconds, so a
// token issued in the same second counts as older. It returns 0 for the zero time.
func wholeSecondAfter(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix() + 1
}
