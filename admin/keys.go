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

// Keys manages the keys of an installation. It is safe for concurrent use.
type Keys struct {
	store    keys.Store
	clock    func(context.Context) (time.Time, error)
	policy   keys.Policy
	ring     *keys.Ring
	keeper   *keys.Keeper
	secrets  SecretRewrapper
	accounts AccountLister
}

// KeysConfig holds the dependencies of Keys.
type KeysConfig struct {
	Store keys.Store
	// Clock returns the store's time. With a clock that is behind, Keys would take an older key for the one in use.
	Clock    func(context.Context) (time.Time, error)
	Policy   keys.Policy     // must be that of the servers
	Ring     *keys.Ring      // decrypts the keys; if nil, only List and CheckMasterKey may be called
	Secrets  SecretRewrapper // for Rewrap
	Accounts AccountLister   // for RewrapSessionKeys
}

// NewKeys returns a Keys for a store.
func NewKeys(config KeysConfig) *Keys {
	k := &Keys{store: config.Store, clock: config.Clock, policy: config.Policy,
		ring: config.Ring, secrets: config.Secrets, accounts: config.Accounts}
	if k.ring != nil {
		k.keeper = keys.Attach(k.store, k.ring, keys.Options{Now: time.Now, Policy: k.policy})
	}
	return k
}

// CheckMasterKey checks that the ring decrypts the keys in use, and returns why it does not. It returns nil without a
// ring, and before the first start of a server, when there are no keys yet.
func (k *Keys) CheckMasterKey(ctx context.Context, actor identity.Actor) error {
	records, err := k.store.Keys(identity.WithActor(ctx, actor))
	if err != nil || len(records) == 0 || k.ring == nil {
		return err
	}
	return keys.CheckRing(records, k.ring, time.Now())
}

// List returns all keys, including those that are gone: signing keys first, and the newest of each purpose first.
func (k *Keys) List(ctx context.Context, actor identity.Actor) ([]KeyView, error) {
	infos, err := k.describe(identity.WithActor(ctx, actor))
	if err != nil {
		return nil, err
	}
	var views []KeyView
	first := map[keys.Purpose]string{} // the newest announced key, which is used first, as after an import
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

// next describes the next change of a key's state and its time. It returns "" if there is none.
func (k *Keys) next(info keys.Info) string {
	life := k.policy.Signing
	if info.Purpose == keys.Refresh {
		life = k.policy.Refresh
	}
	switch {
	case info.State == keys.Announced:
		return "may be used from " + instant(info.AnnouncedAt.Add(life.Announce))
	case info.State == keys.Active && life.Interval > 0:
		return "is replaced at " + instant(info.SigningAt.Add(life.Interval))
	case info.State == keys.Retired:
		return "gone at " + instant(info.GoneAt)
	}
	return ""
}

// Rotate makes the next key of a purpose the one in use, and returns it. It returns clients.FieldError if there is no
// such purpose, or another error that says why the next key cannot be used yet.
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

// RevokedKey is the result of the revocation of a key.
type RevokedKey struct {
	Key      keys.Info
	InUse    keys.Info // the key of the same purpose that is now in use; zero if there is none
	Replaced bool      // reports whether the revoked key was in use
}

// Revoke revokes a key at once. If it returns an error and Key.ID is not empty, the key was revoked, but the rest of
// the result could not be read.
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
	// A key that had already been replaced was retired before it was gone.
	return RevokedKey{key, inUse, err == nil && key.RetiredAt.Equal(key.GoneAt)}, err
}

// ImportedKey is the result of the import of a key.
type ImportedKey struct {
	ID        string
	InUse     string // the id of the key that signs now; the imported one if there was no other
	Next      string // the next change of the imported key, see [KeyView]
	InUseNext string // the next change of the key in use; "" if there is none
}

// Import adds an RSA key in PEM, see [keys.Keeper.Import]. It will be the next key to sign. If Import returns an error
// and ID is not empty, the key was imported, but the rest of the result could not be read.
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

// PublicJWKS returns the key set that the server publishes (RFC 7517).
func (k *Keys) PublicJWKS(ctx context.Context, actor identity.Actor) ([]byte, error) {
	if err := k.keeper.Reload(identity.WithActor(ctx, actor)); err != nil {
		return nil, err
	}
	jwks, _ := k.keeper.PublicSet()
	return jwks, nil
}

// PublicPEM returns the published keys in PEM. The one in use is first.
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

// KeyView is a key in the form that operators see.
type KeyView struct {
	ID        string       `json:"id"`
	Purpose   keys.Purpose `json:"purpose"`
	State     keys.State   `json:"state"`
	MasterKey string       `json:"master_key"`
	CreatedAt string       `json:"created_at"`
	Next      string       `json:"next"` // the next change of its state, such as "gone at 2006-01-02T15:04:05Z"
}
