package keys

import (
	"context"
	"slices"
	"time"
)

// planner is [Plan], or one of its kind.
type planner func(time.Time, Policy, []Record, func(Purpose) (Made, error)) ([]Record, error)

// change does what is planned in one step of the store. What takes long, the making of keys, comes before it; what the store's clock has no use for
// yet stays for the next time. What is there is opened before anything is added, so that a wrong ring leaves no key that the right one cannot open;
// but not the key that is to be revoked, which may be damaged.
func (k *Keeper) change(ctx context.Context, plan planner, revoked string) error {
	k.planning.Lock()
	defer k.planning.Unlock()
	records, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	others := slices.DeleteFunc(slices.Clone(records), func(r Record) bool { return r.ID == revoked })
	if _, err := openRecords(others, k.ring, k.options.Now()); err != nil {
		return err
	}
	if changes, err := plan(k.options.Now(), k.options.Policy, records, k.made.again()); err != nil || len(changes) == 0 {
		return err
	}
	err = k.store.Update(ctx, func(now time.Time, records []Record) ([]Record, error) {
		return plan(now, k.options.Policy, records, k.made.again())
	})
	if err == nil && len(k.made.taken) > 0 {
		k.made = newMaker(k.ring, k.options)
	}
	return err
}

// Rotate lets the next key of a purpose be used now.
func (k *Keeper) Rotate(ctx context.Context, purpose Purpose) error {
	return k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (Made, error)) ([]Record, error) {
		return PlanRotation(now, p, r, g, purpose)
	}, "")
}

// Revoke ends the key of an id; see [PlanRevocation].
func (k *Keeper) Revoke(ctx context.Context, id string) error {
	return k.changeAndReload(ctx, func(now time.Time, p Policy, r []Record, g func(Purpose) (Made, error)) ([]Record, error) {
		return PlanRevocation(now, p, r, g, id)
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
	changes, err := Plan(k.options.Now(), k.options.Policy, k.records, func(Purpose) (Made, error) { return Made{}, nil })
	return err != nil || len(changes) > 0
}
