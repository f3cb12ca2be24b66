package admin

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// Keys manages the keys of an installation. It is safe for parallel use.
type Keys struct {
	store    keys.Store
	clock    func(context.Context) (time.Time, error)
	policy   keys.Policy
	ring     *keys.Ring
	keeper   *keys.Keeper
	secrets  SecretRewrapper
	accounts AccountLister
}

// KeysConfig is what Keys works with.
type KeysConfig struct {
	Store keys.Store
	// of the store; by one that is behind, the key before would be used
	Clock    func(context.Context) (time.Time, error)
	Policy   keys.Policy     // that of the servers
	Ring     *keys.Ring      // opens the keys; nil: only List and CheckMasterKey may be called
	Secrets  SecretRewrapper // for Rewrap; likewise the next
	Accounts AccountLister
}

// NewKeys returns what manages the keys of a store.
func NewKeys(config KeysConfig) *Keys {
	k := &Keys{store: config.Store, clock: config.Clock, policy: config.Policy,
		ring: config.Ring, secrets: config.Secrets, accounts: config.Accounts}
	if k.ring != nil {
		k.keeper = keys.Attach(k.store, k.ring, keys.Options{Now: time.Now, Policy: k.policy})
	}
	return k
}

// CheckMasterKey returns why the ring is not the one of this installation, by the keys that are used now. There is
// nothing to compare it with before the first start of a server, and nothing to compare without a ring.
func (k *Keys) CheckMasterKey(ctx context.Context, actor identity.Actor) error {
	records, err := k.store.Keys(identity.WithActor(ctx, actor))
	if err != nil || len(records) == 0 || k.ring == nil {
		return err
	}
	return keys.OpensKeysInUse(records, k.ring, time.Now())
}

// List returns all keys, also those that are gone: signing keys first, the newest of each purpose before older ones.
func (k *Keys) List(ctx context.Context, actor identity.Actor) ([]KeyView, error) {
	infos, err := k.describe(identity.WithActor(ctx, actor))
	if err != nil {
		return nil, err
	}
	var views []KeyView
	first := map[keys.Purpose]string{} // of those that wait: the newest, as after an import
	for _, info := range infos {
		next := k.next(info)
		if before := first[info.Purpose]; info.State == keys.Announced && before != "" {
			next = "after " + before
		} else if info.State == keys.Announced {
			first[info.Purpose] = info.ID
		}
		views = append(views, KeyView{info.ID, info.Purpose, info.State, info.MasterKey, instant(info.CreatedAt), next})
	}
	return views, nil
}

// next says what becomes of a key, and when.
func (k *Keys) next(info keys.Info) string {
	life := k.policy.Signing
	if info.Purpose == keys.Refresh {
		life = k.policy.Refresh
	}
	switch {
	case info.State == keys.Announced:
		return "may be used from " + instant(info.AnnouncedAt.Add(life.Announce))
	case info.State == keys.Active && life.Interval > 0:
		return "gives way at " + instant(info.SigningAt.Add(life.Interval))
	case info.State == keys.Retired:
		return "gone at " + instant(info.GoneAt)
	}
	return ""
}

// Rotate lets the next key of a purpose be used now, and returns it. clients.FieldError of the purpose; other errors
// say why the next key cannot be used yet.
func (k *Keys) Rotate(ctx context.Context, actor identity.Actor, purpose keys.Purpose) (keys.Info, error) {
	ctx = identity.WithActor(ctx, actor)
	if err := checkPurpose(purpose); err != nil {
		return keys.Info{}, err
	}
	if err := k.keeper.Rotate(ctx, purpose); err != nil {
		return keys.Info{}, err
	}
	infos, err := k.describe(ctx)
	if err != nil {
		return keys.Info{}, err
	}
	return keyInUse(infos, purpose)
}

// RevokedKey is what the revocation of a key led to.
type RevokedKey struct {
	Key      keys.Info
	InUse    keys.Info // of the same purpose now; zero: none is
	Replaced bool      // the revoked key was in use until then
}

// Revoke ends a key at once. What it returns beside an error is what is known: the key is gone, and what became of it
// could not be read. The key's id is empty if it was not revoked.
func (k *Keys) Revoke(ctx context.Context, actor identity.Actor, id string) (RevokedKey, error) {
	ctx = identity.WithActor(ctx, actor)
	if err := k.keeper.Revoke(ctx, id); err != nil {
		return RevokedKey{}, err
	}
	return k.revoked(ctx, id)
}

func (k *Keys) revoked(ctx context.Context, id string) (RevokedKey, error) {
	infos, err := k.describe(ctx)
	if err != nil {
		return RevokedKey{}, err
	}
	key := infos[slices.IndexFunc(infos, func(info keys.Info) bool { return info.ID == id })]
	inUse, err := keyInUse(infos, key.Purpose)
	// what had given way to another key before had been retired then
	return RevokedKey{key, inUse, err == nil && key.RetiredAt.Equal(key.GoneAt)}, err
}

// ImportedKey is what the import of a key led to.
type ImportedKey struct {
	ID        string
	InUse     string // the id of the key that signs now; it may be the imported one, if there was no other
	Next      string // what becomes of the imported key, and when; likewise the next
	InUseNext string // empty: nothing, by itself
}

// Import adds an RSA key as PEM, as [keys.Keeper.Import] takes it; it is the next to sign. What it returns beside an
// error is what is known, as of Revoke.
func (k *Keys) Import(ctx context.Context, actor identity.Actor, pem []byte) (ImportedKey, error) {
	ctx = identity.WithActor(ctx, actor)
	id, err := k.keeper.Import(ctx, pem)
	if err != nil {
		return ImportedKey{}, err
	}
	return k.imported(ctx, id)
}

func (k *Keys) imported(ctx context.Context, id string) (ImportedKey, error) {
	infos, err := k.describe(ctx)
	if err != nil {
		return ImportedKey{}, err
	}
	inUse, err := keyInUse(infos, keys.Signing)
	if err != nil {
		return ImportedKey{}, err
	}
	imported := infos[slices.IndexFunc(infos, func(info keys.Info) bool { return info.ID == id })]
	return ImportedKey{id, inUse.ID, k.next(imported), k.next(inUse)}, nil
}

// PublicJWKS returns the public halves of the keys that verifiers should know, as the key set that is served
// (RFC 7517).
func (k *Keys) PublicJWKS(ctx context.Context, actor identity.Actor) ([]byte, error) {
	if err := k.keeper.Reload(identity.WithActor(ctx, actor)); err != nil {
		return nil, err
	}
	jwks, _ := k.keeper.PublicSet()
	return jwks, nil
}

// PublicPEM returns them as PEM, the one that signs first.
func (k *Keys) PublicPEM(ctx context.Context, actor identity.Actor) ([]byte, error) {
	if err := k.keeper.Reload(identity.WithActor(ctx, actor)); err != nil {
		return nil, err
	}
	return k.keeper.Current().PublicPEM()
}

func checkPurpose(purpose keys.Purpose) error {
	if purpose != keys.Signing && purpose != keys.Refresh {
		return clients.FieldError{Field: "purpose", Reason: fmt.Sprintf("%q is neither signing nor refresh",
			string(purpose))}
	}
	return nil
}

func (k *Keys) describe(ctx context.Context) ([]keys.Info, error) {
	records, err := k.store.Keys(ctx)
	if err != nil {
		return nil, err
	}
	now, err := k.clock(ctx)
	return keys.Describe(records, now), err
}

func keyInUse(infos []keys.Info, purpose keys.Purpose) (keys.Info, error) {
	n := slices.IndexFunc(infos, func(k keys.Info) bool { return k.Purpose == purpose && k.State == keys.Active })
	if n < 0 {
		return keys.Info{}, fmt.Errorf("there is no %s key in use", purpose)
	}
	return infos[n], nil
}

// KeyView is a key as operators see it.
type KeyView struct {
	ID        string       `json:"id"`
	Purpose   keys.Purpose `json:"purpose"`
	State     keys.State   `json:"state"`
	MasterKey string       `json:"master_key"`
	CreatedAt string       `json:"created_at"`
	Next      string       `json:"next"` // what becomes of it, and when
}
