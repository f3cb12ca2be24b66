package keys

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"math"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// reloadInterval is how often a server reads the keys, and so how soon it notices changes by other
// servers.
const reloadInterval = 2 * time.Second

// repeatInterval is how often the same problem is logged.
const repeatInterval = time.Minute

// Keeper provides the current set of keys, and rotates them by the policy. Any number of servers can share a store,
// without a leader. It is safe for concurrent use.
type Keeper struct {
	store   Store
	ring    *Ring
	options Options
	current atomic.Pointer[Set]

	planning sync.Mutex // held while keys are planned
	made     *maker     // keys that were generated but not stored yet

	mutex   sync.Mutex // held while the keys are read
	records []Record   // from which current was built
	from    time.Time  // from when the keys have had the states in current; zero: always
	until   time.Time  // when the state of a key changes next; zero: never
	readAt  atomic.Pointer[time.Time]
}

// Open reads the keys, and changes what is due: in an empty store it creates the first ones. If several servers start
// at once, one wins and all get its keys. If the ring cannot open the keys, it returns an error for the operator that
// wraps ErrUnknownMasterKey or ErrSealBroken.
func Open(ctx context.Context, store Store, ring *Ring, options Options) (*Keeper, error) {
	k := Attach(store, ring, options)
	if err := k.change(ctx, planOfServers, ""); err != nil {
		damaged, _ := errors.AsType[notPutIntoUseError](err)
		if !isDamage(damaged.cause) { // otherwise the key in use stays
			return nil, err
		}
	}
	if err := k.Reload(ctx); err != nil {
		return k, err
	}
	k.logDamage(ctx)
	return k, nil
}

// Damaged returns an error for each key that is not in use and cannot be opened, with what to do about it.
func (k *Keeper) Damaged() (all []error) {
	if set := k.Current(); set != nil {
		for _, key := range set.damaged {
			all = append(all, key.err)
		}
	}
	return all
}

func (k *Keeper) logDamage(ctx context.Context) {
	for _, err := range k.Damaged() {
		k.options.Logger.WarnContext(ctx, "a key that is not in use is damaged", "error", err)
	}
}

// Attach returns a keeper for commands, which make only the requested change and leave everything else to servers: it
// does not read the keys, rotates nothing by itself, and has a current set only after Reload.
func Attach(store Store, ring *Ring, options Options) *Keeper {
	options.Logger = cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	if options.library == nil {
		options.library = builtLibrary()
	}
	return &Keeper{store: store, ring: ring, options: options, made: newMaker(ring, options)}
}

// Current returns the current set of keys; nil before the first Reload of an attached keeper. Call it once to do
// several things with the same set.
func (k *Keeper) Current() *Set { return k.current.Load() }

// PublicSet returns the PublicSet of the current set; without one, a set without keys.
func (k *Keeper) PublicSet() (jwks []byte, etag string) {
	if set := k.Current(); set != nil {
		return set.PublicSet()
	}
	jwks, etag, _ = publish([]publicKey{}) // fails only for a key that cannot be encoded
	return jwks, etag
}

// Age returns how long ago the keys were last read and opened; if they never were, the longest duration.
func (k *Keeper) Age() time.Duration {
	readAt := k.readAt.Load()
	if readAt == nil {
		return math.MaxInt64
	}
	return k.options.Now().Sub(*readAt)
}

// Reload reads the keys, and replaces the set if they have changed. After an error the set stays, except for keys
// that the store has erased.
func (k *Keeper) Reload(ctx context.Context) error {
	k.mutex.Lock()
	defer k.mutex.Unlock()
	records, err := k.store.Keys(ctx)
	if err != nil {
		return err
	}
	slices.SortFunc(records, func(a, b Record) int {
		return cmp.Or(cmp.Compare(a.Purpose, b.Purpose), cmp.Compare(a.Sequence, b.Sequence))
	})
	now := k.options.Now()
	if k.Current() != nil && reflect.DeepEqual(records, k.records) && !now.Before(k.from) && !reached(k.until, now) {
		k.readAt.Store(&now)
		return nil
	}
	opened, damaged, err := openRecords(records, k.ring, now)
	if err != nil {
		return errors.Join(err, k.forget(records, opened, now))
	}
	set, err := newSet(opened, now, k.signingKey)
	if err != nil {
		return err
	}
	if err := set.keep(damaged, k.Current(), now); err != nil {
		return err
	}
	k.records = records
	k.from, k.until = stateInterval(records, now)
	k.current.Store(set)
	k.readAt.Store(&now)
	return nil
}

// forget removes erased keys from the set when not all records can be opened, so that a stolen key does not stay in use
// until they can. If the active key is removed, the next one signs, or none if the next one cannot be opened. forget
// does not remove keys that are gone only by this server's clock, since they could not be opened again if the clock is
// wrong.
func (k *Keeper) forget(records []Record, opened []openKey, now time.Time) error {
	current := k.Current()
	if current == nil {
		return nil
	}
	remaining, err := current.without(func(id string) bool {
		return slices.ContainsFunc(records, func(r Record) bool { return r.ID == id && r.erased() })
	})
	if err != nil || remaining == current {
		return err
	}
	if remaining.signer == nil && len(remaining.secretIDs) > 0 {
		remaining.signer = k.nextSigner(remaining, records, opened, now)
	}
	k.records = nil // so that the set is rebuilt as soon as possible
	k.current.Store(remaining)
	return err
}

// nextSigner returns the key that is in use now as a signer; nil if it could not be opened, or is not in the
// published set.
func (k *Keeper) nextSigner(set *Set, records []Record, opened []openKey, now time.Time) *signingKey {
	active, _ := chooseActive(records, Signing, now)
	n := slices.IndexFunc(opened, func(key openKey) bool { return key.ID == active.ID })
	if n < 0 || set.verifiers[active.ID] == nil {
		return nil
	}
	defer clear(opened[n].plaintext)
	return k.signingKey(active.ID, opened[n].private, opened[n].plaintext)
}

// signingKey returns a key as a signer. The current signer is reused, including the state of its library.
func (k *Keeper) signingKey(id string, private *rsa.PrivateKey, pkcs8 []byte) *signingKey {
	if current := k.Current(); current != nil && current.KeyID() == id {
		return current.signer
	}
	if k.options.library == nil {
		return &signingKey{id, private}
	}
	return &signingKey{id, newCheckedSigner(private, pkcs8, k.options.library, k.options.Logger)}
}

// stateInterval returns the interval around now in which no state of the records changes. It has a beginning too, since
// a clock that was ahead may be corrected.
func stateInterval(records []Record, now time.Time) (from, until time.Time) {
	for _, r := range records {
		for _, at := range []time.Time{r.AnnouncedAt, r.SigningAt, r.RetiredAt, r.GoneAt} {
			switch {
			case !at.After(now) && at.After(from):
				from = at
			case at.After(now) && (until.IsZero() || at.Before(until)):
				until = at
			}
		}
	}
	return from, until
}

// Run reads the keys every two seconds, and changes what is due, until the context ends. After an error it keeps the
// set and tries again.
func (k *Keeper) Run(ctx context.Context) {
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	failed, again := "", time.Time{}
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		before := k.Current()
		err := k.Reload(ctx)
		if err == nil && k.due() {
			err = k.changeAndReload(ctx, planOfServers, "")
		}
		if ctx.Err() != nil {
			return
		}
		problem := cmp.Or(err, errors.Join(k.Damaged()...))
		switch now := k.options.Now(); {
		case problem == nil:
			failed = ""
		case problem.Error() == failed && now.Before(again):
		default:
			failed, again = problem.Error(), now.Add(repeatInterval)
			if err != nil {
				k.options.Logger.WarnContext(ctx, "cannot read or change the keys; the last known ones stay in use",
					"error", err)
			}
			k.logDamage(ctx)
		}
		if after := k.Current(); after != before {
			k.options.Logger.InfoContext(ctx, "the keys have changed", "signing", after.KeyID())
		}
	}
}
