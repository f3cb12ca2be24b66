package sql

import (
	"context"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// rehearsal imports into its memory. It keeps hashes, since what is claimed may be long: two of a million
// newcomers are taken for each other less than once in a million rehearsals, and nobody can tell beforehand
// which.
type rehearsal struct {
	db    *DB
	seed  maphash.Seed
	heard map[uint64]uint32 // claims, and the line of who would have them
}

// Rehearse implements identity.Newcomers.
func (n *Newcomers) Rehearse() identity.Newcomers {
	return &rehearsal{db: n.db, seed: maphash.MakeSeed(), heard: map[uint64]uint32{}}
}

// Rehearse implements identity.Newcomers.
func (r *rehearsal) Rehearse() identity.Newcomers { return (&Newcomers{r.db}).Rehearse() }

// Import implements identity.Newcomers.
func (r *rehearsal) Import(ctx context.Context, newcomers []identity.Newcomer) ([]identity.Arrival, error) {
	arriving := newArrivals(newcomers)
	var there known
	var at time.Time
	err := atOneInstant(ctx, r.db, r.db.read, func(tx *gorm.DB, now time.Time) (err error) {
		at = now
		there, err = lookUp(tx, arriving)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r.judge(there, arriving, at), nil
}

func (r *rehearsal) judge(k known, arriving []arriving, now time.Time) []identity.Arrival {
	arrivals := make([]identity.Arrival, len(arriving))
	for n, a := range arriving {
		r.recall(k, a)
		arrivals[n] = k.judge(a, now)
		switch {
		case arrivals[n].Outcome == identity.Imported:
			arrivals[n].UserID = a.ID
			k.settle(a, lineOf(a.Line))
			r.remember(k, a)
		case strings.HasPrefix(arrivals[n].UserID, lineOf("")):
			arrivals[n].UserID = a.ID
		}
	}
	return arrivals
}

// lineOf names a user who would be made. No id has a space in it.
func lineOf(line any) string { return fmt.Sprint("line ", line) }

// recall adds what earlier newcomers would have got to what is known.
func (r *rehearsal) recall(k known, a arriving) {
	for _, c := range slices.Concat(a.names, a.unions) {
		if line, heard := r.heard[maphash.Comparable(r.seed, c)]; heard && k.holders[c] == "" {
			k.holders[c] = lineOf(line)
		}
	}
}

func (r *rehearsal) remember(k known, a arriving) {
	for _, c := range slices.Concat(a.names, a.unions) {
		if k.holders[c] == lineOf(a.Line) {
			r.heard[maphash.Comparable(r.seed, c)] = uint32(a.Line)
		}
	}
}
