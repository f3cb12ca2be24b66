package keys

import (
	"context"
	"time"
)

// planner plans changes like [Plan], and returns them with the action for the audit log.
type planner func(time.Time, Policy, []Record, func(Purpose) (SealedKey, error)) (Change, error)

// planOfServers is [Plan] as a planner, without an action.
func planOfServers(now time.Time, p Policy, r []Record, g func(Purpose) (SealedKey, error)) (Change, error) {
	changes, err := Plan(now, p, r, g)
	return Change{Records: changes}, err
}

// change plans and writes changes in one transaction of the store. Keys are generated before it, since that takes
// long; keys that are not needed yet by the store's clock are kept for the next time. The existing keys are opened
// before any is added, so that a wrong ring does not add a key that the right one cannot open; see canOpen.
func (k *Keeper) change(ctx context.Context, plan planner, revoked string) error {
	k.planning.Lock()
	defer k.planning.Unlock()
	records, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	now := k.options.Now()
	change, err := plan(now, k.options.Policy, records, k.made.again())
	if err != nil || len(change.Records) == 0 {
		return err
	}
	if err := k.canOpen(records, revoked); err != nil {
		return err
	}
	if err := k.canOpenNext(change.Records, now); err != nil {
		return err
	}
	err = k.store.Update(ctx, func(now time.Time, records []Record) (Change, error) {
		change, err := plan(now, k.options.Policy, records, k.made.again())
		if err == nil {
			err = k.canOpenNext(change.Records, now)
		}
		return change, err
	})
	if err != nil || len(k.made.used) > 0 { // even after an error the store may have written them
		k.made = newMaker(k.ring, k.options)
	}
	return err
}

// canOpen returns an error if the ring cannot open the records, but for damaged ones that are not in use. For a
// revocation, one other key that opens is enough to show that the ring is right: several damaged keys may have to be
// revoked.
func (k *Keeper) canOpen(records []Record, revoked string) (err error) {
	now := k.options.Now()
	if revoked == "" {
		_, _, err = openRecords(records, k.ring, now)
		return err
	}
	for _, r := range records {
		if r.ID == revoked || r.gone(now) {
			continue
		}
		if _, err = openAll([]Record{r}, k.ring, now); err == nil {
			return nil
		}
	}
	return err
}

// canOpenNext returns an error if the ring cannot open the keys that a plan puts into use: such a key would stop
// every server, and a revoked key would remain in use.
func (k *Keeper) canOpenNext(changes []Record, now time.Time) error {
	if _, err := openAll(inUse(changes, now), k.ring, now); err != nil {
		return notPutIntoUseError{err}
	}
	return nil
}

// notPutIntoUseError means that the next key cannot be opened.
type notPutIntoUseError struct{ cause error }

// Error implements error.
func (e notPutIntoUseError) Error() string {
	return "nothing was changed, because the next key cannot be opened here; if it is damaged, revoke it first: " +
		e.cause.Error()
}

// Unwrap returns why the key cannot be opened.
func (e notPutIntoUseError) Unwrap() error { return e.cause }

func inUse(records []Record, now time.Time) []Record {
	var active []Record
	for _, purpose := range purposes {
		if r, found := chooseActive(records, purpose, now); found {
			active = append(active, r)
		}
	}
	return active
}

// CheckRing returns an error if the ring cannot open the keys that are in use now. It returns nil if there are
// no keys yet.
func CheckRing(records []Record, ring *Ring, now time.Time) error {
	_, err := openAll(inUse(records, now), ring, now)
	return err
}

// Rotate puts the next key of a purpose into use now; see [PlanRotation].
func (k *Keeper) Rotate(ctx context.Context, purpose Purpose) error {
	return k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (SealedKey,
		error)) (Change, error) {
		changes, err := PlanRotation(now, p, r, g, purpose)
		next, _ := chooseActive(changes, purpose, now)
		return Change{changes, Action{ActionRotate, next.ID}}, err
	}, "")
}

// Revoke revokes the key with an id; see [PlanRevocation].
func (k *Keeper) Revoke(ctx context.Context, id string) error {
	return k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (SealedKey,
		error)) (Change, error) {
		changes, err := PlanRevocation(now, p, r, g, id)
		return Change{changes, Action{ActionRevoke, id}}, err
	}, id)
}

func (k *Keeper) changeAndReload(ctx context.Context, plan planner, revoked string) error {
	if err := k.change(ctx, plan, revoked); err != nil || k.Current() == nil {
		return err
	}
	return k.Reload(ctx)
}

// due reports whether there is anything to change, as far as this server knows.
func (k *Keeper) due() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	changes, err := Plan(k.options.Now(), k.options.Policy, k.records, func(Purpose) (SealedKey, error) {
		return SealedKey{}, nil
	})
	return err != nil || len(changes) > 0
}
