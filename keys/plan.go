package keys

import (
	"fmt"
	"time"
)

// Made is a key that was made: what a record of it needs.
type Made struct {
	ID     string
	Sealed []byte
}

// Plan says what is to be done now: it returns the records that are new, and those that change. A key that
// has been used for its interval gives way to the next one, if that has been announced long enough; there is
// always a next one; and what is gone loses its secret. The first key of a purpose is used at once: there is
// no verifier yet that knows an older one.
//
// It decides by its arguments alone, so that any number of servers that plan agree, whoever comes first.
func Plan(now time.Time, policy Policy, records []Record, generate func(Purpose) (Made, error)) ([]Record, error) {
	return plan(now, policy, records, generate, (*succession).rotateIfDue)
}

// PlanRotation has the key of a purpose give way whatever its age. It refuses a next one that has not been
// announced long enough. Like the plans below it is for whoever asks for it, and leaves to servers what only
// their policy says.
func PlanRotation(now time.Time, policy Policy, records []Record, generate func(Purpose) (Made, error),
	purpose Purpose) ([]Record, error) {
	return plan(now, policy, records, generate, func(s *succession) error { return s.rotateIf(s.purpose == purpose) })
}

// PlanRevocation is for the emergency: the key of that id is gone, and what was made with it counts no more.
// If it was in use, the next one is used at once, though it may not have been announced long enough; of
// several the one that has been.
func PlanRevocation(now time.Time, policy Policy, records []Record, generate func(Purpose) (Made, error),
	id string) ([]Record, error) {
	found := false
	changes, err := plan(now, policy, records, generate, func(s *succession) error {
		revoked, err := s.revoke(id)
		found = found || revoked
		return err
	})
	if err == nil && !found {
		return nil, fmt.Errorf("there is no key %q; list them with: lingpai keys list", id)
	}
	return changes, err
}

// PlanImport adds a signing key that somebody else made: it is announced, and the next to be used, or the first
// in an empty store.
func PlanImport(now time.Time, policy Policy, records []Record, generate func(Purpose) (Made, error),
	imported Made) ([]Record, error) {
	for _, r := range records {
		if r.ID == imported.ID {
			return nil, fmt.Errorf("the key %q is here already; see: lingpai keys list", imported.ID)
		}
	}
	return plan(now, policy, records, generate, func(s *succession) error {
		if s.purpose == Signing {
			s.announce(imported)
		}
		return nil
	})
}

// plan does something for each purpose, and then what always has to be done.
func plan(now time.Time, policy Policy, records []Record, generate func(Purpose) (Made, error),
	do func(*succession) error) ([]Record, error) {
	now = now.Truncate(time.Millisecond) // what stores keep, so that none rounds it into the future
	var changes []Record
	for _, purpose := range purposes {
		s := newSuccession(purpose, now, policy.of(purpose), records)
		if err := do(s); err != nil {
			return nil, err
		}
		if err := s.complete(func() (Made, error) { return generate(purpose) }); err != nil {
			return nil, err
		}
		changes = append(changes, s.changes()...)
	}
	return changes, nil
}
