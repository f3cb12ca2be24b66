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

	// revocationSize is how many bytes of a session id's SHA-256 are listed: as many as make two of them
	// differ, whoever chooses ids.
	revocationSize = 16
	// maxRevocations bounds the list to about 600 KB. What is beyond is told by an instant.
	maxRevocations = 20000

	// how old what we read may be when somebody asks, and how long nobody asks a store again that failed
	revocationsReadFor = time.Second
	revocationsRenewed = time.Minute // a list that says nothing new is signed again so often
	revocationsLife    = 5 * time.Minute
)

// revocationClaims are what verifiers read. Instants are seconds since 1970.
type revocationClaims struct {
	Issuer   string `json:"iss"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	// Sequence grows from list to list, whichever server signs: it is when the list was read, in milliseconds
	// by the store's clock.
	Sequence int64 `json:"seq"`
	// Sessions is the base64url of the first 16 bytes of the SHA-256 of each session id, in order, one behind
	// the other.
	Sessions string `json:"sids"`
	// AllBefore says, if there are too many to list, that every token of a session that was issued before it
	// is to be refused. Who has a good session refreshes once more.
	AllBefore int64 `json:"all_before,omitempty"`
}

// Revocations is the signed list of sessions that ended before their access tokens expired, for those who
// verify tokens without asking us.
type Revocations struct {
	issuer  *Issuer
	reads   singleflight.Group
	latest  atomic.Pointer[revocationList]
	failure atomic.Pointer[revocationFailure] // of the last read; nil: it went well
}

// revocationList does not change.
type revocationList struct {
	body     []byte
	etag     string
	readAt   time.Time // by our clock; likewise the next
	signedAt time.Time
}

type revocationFailure struct {
	at  time.Time
	err error
}

// NewRevocations returns the list of the sessions that issuer's tokens belong to.
func NewRevocations(issuer *Issuer) *Revocations { return &Revocations{issuer: issuer} }

// List returns the list as a compact JWS, at most a second old, and a weak ETag of what it says. It does
// nothing if nobody asks, and reads once a second however many do. While the store is down, or slow, it is
// the last one, as long as that is good. Callers must not change the bytes.
func (r *Revocations) List(ctx context.Context) (body []byte, etag string, err error) {
	now := r.issuer.config.Now()
	last := r.latest.Load()
	if last != nil && now.Sub(last.readAt).Abs() < revocationsReadFor {
		return last.body, last.etag, nil
	}
	if last != nil && now.Sub(last.signedAt).Abs() >= revocationsLife {
		last = nil
	}
	failure := r.failure.Load()
	if failure == nil || now.Sub(failure.at).Abs() >= revocationsReadFor {
		if err = r.readSoon(ctx, now, last != nil); err == nil {
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

// readSoon reads with all others who ask, and waits no longer than its caller does. With something to give
// instead it waits but a moment.
func (r *Revocations) readSoon(ctx context.Context, now time.Time, impatient bool) error {
	read := r.reads.DoChan("", func() (any, error) {
		err := r.read(context.WithoutCancel(ctx), now)
		if err != nil {
			r.failure.Store(&revocationFailure{now, err})
		} else {
			r.failure.Store(nil)
		}
		return nil, err
	})
	var over <-chan time.Time
	if impatient {
		timer := time.NewTimer(revocationsReadFor)
		defer timer.Stop()
		over = timer.C
	}
	select {
	case done := <-read:
		return done.Err
	case <-over:
		return errSlowStore
	case <-ctx.Done():
		return ctx.Err()
	}
}

var errSlowStore = errors.New("the store has not answered yet")

// read asks the store, and signs if there is anything new to say, another minute has begun, or another key
// signs: verifiers take no list by a key that was revoked. What it says, the minute by the store's clock and
// the key are in the ETag: so it is the same on every server.
func (r *Revocations) read(ctx context.Context, now time.Time) error {
	config := r.issuer.config
	endings, err := config.Sessions.Ended(ctx, config.AccessTTL, maxRevocations)
	if err != nil {
		return err
	}
	claims := revocationClaims{
		Issuer: config.Issuer, IssuedAt: now.Unix(), Expires: now.Add(revocationsLife).Unix(),
		Sequence: endings.ReadAt.UnixMilli(),
		Sessions: listed(endings.SessionIDs), AllBefore: wholeSecondAfter(endings.MissingUntil),
	}
	signer := config.Keys.Current()
	etag := claims.etag(endings.ReadAt.Truncate(revocationsRenewed), signer.KeyID())
	if last := r.latest.Load(); last != nil && last.etag == etag &&
		now.Sub(last.signedAt).Abs() < 2*revocationsRenewed {
		again := *last
		again.readAt = now
		r.latest.Store(&again)
		return nil
	}
	body, err := written(claims, typeRevocations, signer.SignDocument)
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

// listed is in the order of hashes, so that verifiers can search it, and that it does not tell who left first.
func listed(sessionIDs []string) string {
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

// wholeSecondAfter is the first whole second after an instant: tokens say whole seconds, cut off, so that one
// of that very second counts as older. Zero stays zero.
func wholeSecondAfter(instant time.Time) int64 {
	if instant.IsZero() {
		return 0
	}
	return instant.Unix() + 1
}
