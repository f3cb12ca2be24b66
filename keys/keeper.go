package keys

import (
	"cmp"
	"context"
	"crypto/rsa"
	"errors"
	"log/slog"
	"reflect"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// reloadInterval is how soon a server notices what others did to the keys.
const reloadInterval = 2 * time.Second

// Keeper has the current set of keys, and does what is planned for them when its time comes. Any number of
// servers keep the keys of one store, without a leader. It is safe for parallel use.
type Keeper struct {
	store   Store
	ring    *Ring
	options Options
	current atomic.Pointer[Set]

	planning sync.Mutex // held while keys are planned
	made     *maker     // has what was made for plans and is not used yet

	mutex   sync.Mutex // held while the keys are read
	records []Record   // that current was made of
	from    time.Time  // current was made for instants from here on; zero: for all before until
	until   time.Time  // when something in the records changes by itself; zero: never
	readAt  atomic.Pointer[time.Time]
}

// Open reads the keys, and does what is planned for them: in an empty store it makes the first ones, and of servers
// that start at once one wins and all get its keys. A ring that cannot open the keys is refused with a sentence for
// the operator (ErrUnknownMasterKey, ErrSealBroken).
func Open(ctx context.Context, store Store, ring *Ring, options Options) (*Keeper, error) {
	k := Attach(store, ring, options)
	if err := k.change(ctx, planOfServers, ""); err != nil {
		return nil, err
	}
	return k, k.Reload(ctx)
}

// Attach returns a keeper for commands, which do what they are asked for and leave everything else to
// servers: it has read nothing, plans nothing by itself, and has a current set only after Reload.
func Attach(store Store, ring *Ring, options Options) *Keeper {
	options.Logger = cmp.Or(options.Logger, slog.New(slog.DiscardHandler))
	if options.library == nil {
		options.library = builtLibrary()
	}
	return &Keeper{store: store, ring: ring, options: options, made: newMaker(ring, options)}
}

// Current returns the set of keys that is used now. Who does several things with one set calls it once.
func (k *Keeper) Current() *Set { return k.current.Load() }

// PublicSet is that of the current set.
func (k *Keeper) PublicSet() (jwks []byte, etag string) { return k.Current().PublicSet() }

// Age is how long ago the keys were read and opened last.
func (k *Keeper) Age() time.Duration { return k.options.Now().Sub(*k.readAt.Load()) }

// Reload reads the keys, and changes the set if they have changed. On an error it stays as it was.
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
	opened, err := openRecords(records, k.ring, now)
	if err != nil {
		return errors.Join(err, k.forget(records, opened, now))
	}
	set, err := newSet(opened, now, k.signingKey)
	if err != nil {
		return err
	}
	k.records = records
	k.from, k.until = lasting(records, now)
	k.current.Store(set)
	k.readAt.Store(&now)
	return nil
}

// forget takes what was erased out of the set, though not all can be opened: a stolen key does not stay until
// then. If it was the one in use, the next one signs, or nothing does. Our own clock has no say: what it
// believes to be gone could not be opened again.
func (k *Keeper) forget(records []Record, opened []openKey, now time.Time) error {
	current := k.Current()
	if current == nil {
		return nil
	}
	less, err := current.without(func(id string) bool {
		return slices.ContainsFunc(records, func(r Record) bool { return r.ID == id && r.erased() })
	})
	if err != nil || less == current {
		return err
	}
	if less.signer == nil && len(less.secretIDs) > 0 {
		less.signer, err = k.nextSigner(less, records, opened, now)
	}
	k.records = nil // so that the set is made anew as soon as that can be done
	k.current.Store(less)
	return err
}

// nextSigner makes the key that is used now ready to sign; nil if it could not be opened, or is not one that
// the set publishes.
func (k *Keeper) nextSigner(set *Set, records []Record, opened []openKey, now time.Time) (*signingKey, error) {
	active, _ := chooseActive(records, Signing, now)
	n := slices.IndexFunc(opened, func(key openKey) bool { return key.ID == active.ID })
	if n < 0 || set.verifiers[active.ID] == nil {
		return nil, nil
	}
	defer clear(opened[n].plaintext)
	private, err := parseSigningKey(active.ID, opened[n].plaintext)
	if err != nil {
		return nil, err
	}
	return k.signingKey(active.ID, private, opened[n].plaintext), nil
}

// signingKey makes a key ready to sign. One that signs already stays as it is, and with it what has become of
// its library.
func (k *Keeper) signingKey(id string, private *rsa.PrivateKey, pkcs8 []byte) *signingKey {
	if current := k.Current(); current != nil && current.KeyID() == id {
		return current.signer
	}
	if k.options.library == nil {
		return &signingKey{id, private}
	}
	return &signingKey{id, newCheckedSigner(private, pkcs8, k.options.library, k.options.Logger)}
}

// lasting returns between which instants the states of records are what they are now. There is a first one
// too, since a clock that was ahead may be set right.
func lasting(records []Record, now time.Time) (from, until time.Time) {
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

// Run reads the keys every two seconds, and does what is planned, until the context ends. What fails is tried
// again; the set stays what it was.
func (k *Keeper) Run(ctx context.Context) {
	ticker := time.NewTicker(reloadInterval)
	defer ticker.Stop()
	failed := ""
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
		switch {
		case ctx.Err() != nil:
			return
		case err == nil:
			failed = ""
		case err.Error() != failed: // once, until it is another fault
			failed = err.Error()
			k.options.Logger.WarnContext(ctx, "cannot read the keys; what is known of them stays in use", "error", err)
		}
		if after := k.Current(); after != before {
			k.options.Logger.InfoContext(ctx, "the keys have changed", "signing", after.KeyID())
		}
	}
}
