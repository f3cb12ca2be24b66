package keys

import (
	"context"
	"fmt"
	"slices"
	"time"
)

// Outdated reports whether a value was sealed by a master key other than the first one in the ring. It does not open
// it.
func (r *Ring) Outdated(sealed []byte) bool {
	id, _, err := cutEnvelope(sealed)
	return err != nil || id != r.masters[0].id
}

// First returns the id of the master key that seals.
func (r *Ring) First() string { return r.masters[0].id }

// Others returns the ids of the other master keys, which only open.
func (r *Ring) Others() []string {
	var ids []string
	for _, m := range r.masters[1:] {
		ids = append(ids, m.id)
	}
	return ids
}

// Rewrap reseals the keys that an older master key sealed, in one transaction, and returns their number. Servers can
// read the keys at any time, since they have both master keys. It returns an error and changes nothing if a later
// version has sealed a key of an unknown purpose: otherwise the older master key would seem to be no longer needed.
func (k *Keeper) Rewrap(ctx context.Context) (count int, err error) {
	err = k.store.Update(ctx, func(now time.Time, records []Record) (Change, error) {
		changes, err := rewrapped(records, k.ring, now)
		count = len(changes)
		return Change{changes, Action{ActionRewrap, k.ring.First()}}, err
	})
	if err != nil || k.Current() == nil {
		return count, err
	}
	return count, k.Reload(ctx)
}

func rewrapped(records []Record, ring *Ring, now time.Time) ([]Record, error) {
	for _, record := range records {
		if !slices.Contains(purposes, record.Purpose) && !record.gone(now) && ring.Outdated(record.Sealed) {
			return nil, fmt.Errorf("a later version of lingpai created the key %q for %q, and only that "+
				"version can reseal it; run lingpai keys rewrap of that version", record.ID, record.Purpose)
		}
	}
	var changes []Record
	opened, err := openAll(records, ring, now)
	if err != nil {
		return nil, err
	}
	for _, key := range opened {
		if key.plaintext == nil || !ring.Outdated(key.Sealed) {
			continue
		}
		if key.Sealed, err = ring.Seal(sealPurpose(key.Purpose), key.ID, key.plaintext); err != nil {
			return nil, err
		}
		changes = append(changes, key.Record)
	}
	return changes, nil
}
