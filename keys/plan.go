package keys

import (
	"fmt"
	"time"
)

// SealedKey is a new key: its id and its sealed form.
type SealedKey struct {
	ID     string
	Sealed []byte
}

// Plan returns the changes that are due now: new records, and changed ones. A key that has been used for its interval
// is replaced by the next one, if that has been announced long enough. There is always a next key, and the secrets of
// keys that are gone are erased. The first key of a purpose is used at once, since no verifier knows an older one.
//
// Plan depends only on its arguments, so that all servers make the same plan, whichever comes first.
func Plan(now time.Time, policy Policy, records []Record, generate func(Purpose) (SealedKey, error)) ([]Record, error) {
	return plan(now, policy, records, generate, (*succession).rotateIfDue)
}

// PlanRotation replaces the key of a purpose whatever its age. It returns an error if the next one has not been
// announced long enough. Like the plans below it is for commands, and leaves rotations by the policy to servers.
func PlanRotation(now time.Time, policy Policy, records []Record, generate func(Purpose) (SealedKey, error),
	purpose Purpose) ([]Record, error) {
	return plan(now, policy, records, generate, func(s *succession) error { return s.rotateIf(s.purpose == purpose) })
}

// PlanRevocation is for emergencies: the key with that id is gone at once, and everything that was made with it is
// invalid. If it was in use, the next one is used at once, even if it has not been announced long enough; if
// several keys are waiting, one that has been announced long enough is preferred.
func PlanRevocation(now time.Time, policy Policy, records []Record, generate func(Purpose) (SealedKey, error),
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

// PlanImport adds an imported signing key: it is announced and will be used next, or at once in an empty store.
func PlanImport(now time.Time, policy Policy, records []Record, generate func(Purpose) (SealedKey, error),
	imported SealedKey) ([]Record, error) {
	for _, r := range records {
		if r.ID == imported.ID {
			return nil, fmt.Errorf("the key %q already exists; see: lingpai keys list", imported.ID)
		}
	}
	return plan(now, policy, records, generate, func(s *succession) error {
		if s.purpose == Signing {
			s.announce(imported)
		}
		return nil
	})
}

// plan calls do for each purpose, and then makes the changes that are always due.
func plan(now time.Time, policy Policy, records []Record, generate func(Purpose) (SealedKey, error),
	do func(*succession) error) ([]Record, error) {
	now = now.Truncate(time.Millisecond) // the precision of stores, so that none rounds it into the future
	var changes []Record
	for _, purpose := range purposes {
		s := newSuccession(purpose, now, policy.of(purpose), records)
		if err := do(s); err != nil {
			return nil, err
		}
		if err := s.complete(func() (SealedKey, error) { return generate(purpose) }); err != nil {
			return nil, err
		}
		changes = append(changes, s.changes()...)
	}
	return changes, nil
}
