package keys

import (
	"cmp"
	"time"
)

// State is where a key is in its life: announced → signing → retired → gone.
type State string

// The states there are.
const (
	Announced State = "announced" // published, so that verifiers know it before it is used
	Active    State = "signing"   // the one that signs, or makes refresh tokens
	Retired   State = "retired"   // still verifies, until the last token that it made has expired
	Gone      State = "gone"      // does nothing any more
)

// state says where a record is, given the one in use.
func (r Record) state(active Record, now time.Time) State {
	switch {
	case r.gone(now):
		return Gone
	case r.SigningAt.IsZero():
		return Announced
	case r.Purpose == active.Purpose && r.Sequence == active.Sequence:
		return Active
	case reached(r.RetiredAt, now), reached(r.SigningAt, now):
		return Retired
	}
	return Announced
}

// counts says whether verifiers are told of the key, and what was made with it counts: from its announcement
// on, since another server may know before us that it is used now. The instant itself does not matter: that
// server's clock may be ahead of ours.
func (r Record) counts(now time.Time) bool {
	return !(r.AnnouncedAt.IsZero() && r.SigningAt.IsZero()) && !r.gone(now)
}

// gone says whether the key does nothing any more. One that has lost its secret is gone whatever our clock
// says: the store's was ahead of it.
func (r Record) gone(now time.Time) bool {
	return reached(r.GoneAt, now) || r.erased()
}

// erased says whether the store has let go of the secret of a key that is gone.
func (r Record) erased() bool { return !r.GoneAt.IsZero() && len(r.Sealed) == 0 }

func reached(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// chooseActive picks the record of a purpose that is used now; false if there is none.
func chooseActive(records []Record, purpose Purpose, now time.Time) (Record, bool) {
	var best Record
	found := false
	for _, r := range records {
		if r.Purpose != purpose || r.SigningAt.IsZero() || !r.counts(now) || reached(r.RetiredAt, now) {
			continue
		}
		if !found || preferred(r, best, now) {
			best, found = r, true
		}
	}
	return best, found
}

// preferred says whether a is used rather than b: the one that began last. If neither has begun, then the one
// that begins first: a replica whose clock is behind the one that made the first key must start all the same.
func preferred(a, b Record, now time.Time) bool {
	begunA, begunB := reached(a.SigningAt, now), reached(b.SigningAt, now)
	if begunA != begunB {
		return begunA
	}
	order := cmp.Or(a.SigningAt.Compare(b.SigningAt), cmp.Compare(a.Sequence, b.Sequence))
	return begunA == (order > 0)
}
