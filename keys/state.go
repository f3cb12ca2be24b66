package keys

import (
	"cmp"
	"time"
)

// State is the state of a key: announced → signing → retired → gone.
type State string

// The states of keys.
const (
	Announced State = "announced" // published, so that verifiers know it before it is used
	Active    State = "signing"   // in use: signs tokens, or makes refresh tokens
	Retired   State = "retired"   // only verifies, until the last token that it made has expired
	Gone      State = "gone"      // no longer used for anything
)

// state returns the state of a record, given the active one.
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

// counts reports whether the key is published and verifies: from its announcement on, since another server may know
// before this one that it is in use. The time of the announcement does not matter: that server's clock may be ahead
// of this one's.
func (r Record) counts(now time.Time) bool {
	return !(r.AnnouncedAt.IsZero() && r.SigningAt.IsZero()) && !r.gone(now)
}

// gone reports whether the key is no longer used. A key whose secret was erased is gone even if this server's clock
// says otherwise, since the clock of the store may be ahead.
func (r Record) gone(now time.Time) bool {
	return reached(r.GoneAt, now) || r.erased()
}

// erased reports whether the secret of a gone key was deleted from the store.
func (r Record) erased() bool { return !r.GoneAt.IsZero() && len(r.Sealed) == 0 }

func reached(at, now time.Time) bool { return !at.IsZero() && !now.Before(at) }

// chooseActive returns the record of a purpose that is in use now; false if there is none.
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

// preferred reports whether a is used rather than b: the one whose use began last. If neither has begun, it is the
// one that begins first: a replica whose clock is behind that of the creator of the first key must still start.
func preferred(a, b Record, now time.Time) bool {
	begunA, begunB := reached(a.SigningAt, now), reached(b.SigningAt, now)
	if begunA != begunB {
		return begunA
	}
	order := cmp.Or(a.SigningAt.Compare(b.SigningAt), cmp.Compare(a.Sequence, b.Sequence))
	return begunA == (order > 0)
}
