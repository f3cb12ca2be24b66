package keys

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// succession plans the keys of one purpose.
type succession struct {
	purpose  Purpose
	now      time.Time
	schedule Schedule
	records  []Record // by sequence
	changed  map[int]bool
}

func newSuccession(purpose Purpose, now time.Time, schedule Schedule, records []Record) *succession {
	s := &succession{purpose: purpose, now: now, schedule: schedule, changed: map[int]bool{}}
	for _, r := range records {
		if r.Purpose == purpose {
			s.records = append(s.records, r)
		}
	}
	slices.SortFunc(s.records, func(a, b Record) int { return cmp.Compare(a.Sequence, b.Sequence) })
	return s
}

func (s *succession) changes() []Record {
	var changes []Record
	for _, r := range s.records {
		if s.changed[r.Sequence] {
			changes = append(changes, r)
		}
	}
	return changes
}

// change changes a record and marks it as changed.
func (s *succession) change(r *Record, do func(*Record)) {
	do(r)
	s.changed[r.Sequence] = true
}

// inUse returns the key that is in use now, or nil.
func (s *succession) inUse() *Record {
	active, found := chooseActive(s.records, s.purpose, s.now)
	if !found {
		return nil
	}
	n := slices.IndexFunc(s.records, func(r Record) bool { return r.Sequence == active.Sequence })
	return &s.records[n]
}

// next returns the key that will be used next, which is the last one added; nil if there is none.
func (s *succession) next() *Record {
	for n := len(s.records) - 1; n >= 0; n-- {
		if r := &s.records[n]; s.waits(*r) {
			return r
		}
	}
	return nil
}

// nextKnown is next for an emergency: the last key that has been announced long enough, or otherwise the one that was
// announced first.
func (s *succession) nextKnown() *Record {
	next := s.next()
	for n := len(s.records) - 1; n >= 0; n-- {
		r := &s.records[n]
		if !s.waits(*r) {
			continue
		}
		if s.known(*r) {
			return r
		}
		if r.AnnouncedAt.Before(next.AnnouncedAt) {
			next = r
		}
	}
	return next
}

// waits reports whether a key is for later use: it was never in use, and is not gone.
func (s *succession) waits(r Record) bool { return r.SigningAt.IsZero() && !r.gone(s.now) }

// known reports whether a key has been announced long enough for all verifiers and servers to know it.
func (s *succession) known(r Record) bool {
	return !r.AnnouncedAt.IsZero() && !s.now.Before(r.AnnouncedAt.Add(s.schedule.Announce))
}

// rotateIfDue replaces the key in use with the next one if its interval is over and the next one has been announced
// long enough.
func (s *succession) rotateIfDue() error {
	current, next := s.inUse(), s.next()
	due := current != nil && s.schedule.Interval > 0 && !s.now.Before(current.SigningAt.Add(s.schedule.Interval))
	if due && next != nil && s.known(*next) {
		s.use(next)
	}
	return nil
}

// rotateIf replaces the key in use with the next one if wanted. It returns an error if the next one has not been
// announced long enough.
func (s *succession) rotateIf(wanted bool) error {
	if !wanted || s.inUse() == nil {
		return nil
	}
	next := s.next()
	if next == nil || !s.known(*next) {
		return s.tooSoon(next)
	}
	s.use(next)
	return nil
}

func (s *succession) tooSoon(next *Record) error {
	if next == nil {
		return fmt.Errorf("there is no announced %s key yet; a running server adds one within seconds", s.purpose)
	}
	return fmt.Errorf("the next %s key, %s, is not known everywhere before %s; wait, or see keys revoke "+
		"--help if the one in use was stolen",
		s.purpose, next.ID, next.AnnouncedAt.Add(s.schedule.Announce).UTC().Format(time.RFC3339))
}

// use puts a key into use, and retires the previous ones.
func (s *succession) use(next *Record) {
	for n := range s.records {
		if r := &s.records[n]; !r.SigningAt.IsZero() && r.RetiredAt.IsZero() {
			s.change(r, func(r *Record) { r.RetiredAt, r.GoneAt = s.now, s.now.Add(s.schedule.Retire) })
		}
	}
	s.change(next, func(r *Record) { r.SigningAt = s.now })
}

// revoke revokes a key. It returns false if there is no such key of this purpose.
func (s *succession) revoke(id string) (bool, error) {
	n := slices.IndexFunc(s.records, func(r Record) bool { return r.ID == id })
	if n < 0 {
		return false, nil
	}
	if r := s.records[n]; r.gone(s.now) {
		return true, fmt.Errorf("the key %q has been gone since %s", id, r.GoneAt.UTC().Format(time.RFC3339))
	}
	s.change(&s.records[n], func(r *Record) {
		r.GoneAt = s.now
		if !r.SigningAt.IsZero() && r.RetiredAt.IsZero() {
			r.RetiredAt = s.now
		}
	})
	return true, nil
}

// announce adds a key for later use.
func (s *succession) announce(made SealedKey) {
	sequence := 1
	if n := len(s.records); n > 0 {
		sequence = s.records[n-1].Sequence + 1
	}
	s.records = append(s.records, Record{
		Purpose: s.purpose, Sequence: sequence, ID: made.ID, Sealed: made.Sealed, CreatedAt: s.now, AnnouncedAt: s.now,
	})
	s.changed[sequence] = true
}

// complete makes sure that one key is in use and another one is announced, and erases the secrets of gone keys.
func (s *succession) complete(generate func() (SealedKey, error)) error {
	for s.inUse() == nil || s.next() == nil {
		if s.inUse() == nil && s.next() != nil {
			s.use(s.nextKnown())
			continue
		}
		made, err := generate()
		if err != nil {
			return err
		}
		s.announce(made)
	}
	for n := range s.records {
		if r := &s.records[n]; reached(r.GoneAt, s.now) && len(r.Sealed) > 0 {
			s.change(r, func(r *Record) { r.Sealed = nil })
		}
	}
	return nil
}
