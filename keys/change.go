package keys

import (
	"context"
	"fmt"
	"time"
)

// planner is [Plan], or one of its kind, with what is done by it.
type planner func(time.Time, Policy, []Record, func(Purpose) (Made, error)) (Change, error)

// planOfServers is [Plan]: nobody asked for it.
func planOfServers(now time.Time, p Policy, r []Record, g func(Purpose) (Made, error)) (Change, error) {
	changes, err := Plan(now, p, r, g)
	return Change{Records: changes}, err
}

// change does what is planned in one step of the store. What takes long, the making of keys, comes before it;
// what the store's clock has no use for yet stays for the next time. What is there is opened before anything
// is added, so that a wrong ring leaves no key that the right one cannot open; see opens.
func (k *Keeper) change(ctx context.Context, plan planner, revoked string) error {
	k.planning.Lock()
	defer k.planning.Unlock()
	records, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	if err := k.opens(records, revoked); err != nil {
		return err
	}
	planned := func(now time.Time, records []Record) (Change, error) {
		change, err := plan(now, k.options.Policy, records, k.made.again())
		if err == nil {
			err = k.opensNext(change.Records, now)
		}
		return change, err
	}
	if change, err := planned(k.options.Now(), records); err != nil || len(change.Records) == 0 {
		return err
	}
	err = k.store.Update(ctx, planned)
	if err != nil || len(k.made.taken) > 0 { // on an error the store may have taken them all the same
		k.made = newMaker(k.ring, k.options)
	}
	return err
}

// opens opens what is there. For a revocation any other key is enough, which shows that the ring is the right
// one: several that are damaged may have to go.
func (k *Keeper) opens(records []Record, revoked string) (err error) {
	now := k.options.Now()
	if revoked == "" {
		_, err = openRecords(records, k.ring, now)
		return err
	}
	for _, r := range records {
		if r.ID == revoked || r.gone(now) {
			continue
		}
		if _, err = openRecords([]Record{r}, k.ring, now); err == nil {
			return nil
		}
	}
	return err
}

// opensNext opens what comes into use by a plan: what does not open would stop every server, and the revoked
// key would stay where it is.
func (k *Keeper) opensNext(changes []Record, now time.Time) error {
	if _, err := openRecords(inUse(changes, now), k.ring, now); err != nil {
		return fmt.Errorf("nothing was changed, since the next key cannot be opened here; if it is "+
			"damaged, revoke that one first: %w", err)
	}
	return nil
}

func inUse(records []Record, now time.Time) []Record {
	var active []Record
	for _, purpose := range purposes {
		if r, found := chooseActive(records, purpose, now); found {
			active = append(active, r)
		}
	}
	return active
}

// OpensKeysInUse says why a ring is not the one of a store, by the keys that are used now; nil also if there
// are none yet.
func OpensKeysInUse(records []Record, ring *Ring, now time.Time) error {
	_, err := openRecords(inUse(records, now), ring, now)
	return err
}

// Rotate lets the next key of a purpose be used now.
func (k *Keeper) Rotate(ctx context.Context, purpose Purpose) error {
	return k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (Made,
		error)) (Change, error) {
		changes, err := PlanRotation(now, p, r, g, purpose)
		next, _ := chooseActive(changes, purpose, now)
		return Change{changes, Action{ActionRotate, next.ID}}, err
	}, "")
}

// Revoke ends the key of an id; see [PlanRevocation].
func (k *Keeper) Revoke(ctx context.Context, id string) error {
	return k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (Made,
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

// due says whether there is anything to do, as far as this server knows.
func (k *Keeper) due() bool {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	changes, err := Plan(k.options.Now(), k.options.Policy, k.records, func(Purpose) (Made, error) {
		return Made{}, nil
	})
	return err != nil || len(changes) > 0
}
