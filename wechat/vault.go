package wechat

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

const (
	defaultKeyLife = 72 * time.Hour

	// keyOverlap is how long a key that was replaced is still tried: a user may
	// have tapped just before a login changed it.
	keyOverlap = 10 * time.Minute

	// maxVersions bounds the keys of an account, the current one included.
	maxVersions = 3

	// keepPatience bounds what a login waits for the vault.
	keepPatience = time.Second
)

var (
	// ErrBadData means that data or a signature is not what WeChat made for
	// this account, whatever it is that is wrong with it.
	ErrBadData = errors.New("wechat: data refused")

	// ErrNoSessionKey means that there is no key that may be used: the user
	// never logged in, or long ago, or too much was refused since. The next
	// login brings one.
	ErrNoSessionKey = errors.New("wechat: no session key until the next login")
)

// An Account is a user at an app.
type Account struct {
	AppID  string
	OpenID string
}

// A LoneSealer encrypts what the store must not show, for each identity with a
// key of its own. What is sealed for one purpose and identity opens for no
// other.
type LoneSealer interface {
	SealAlone(purpose, identity string, plaintext []byte) ([]byte, error)
	OpenAlone(purpose, identity string, sealed []byte) ([]byte, error)
}

// VaultConfig says how to keep session keys. Store, NotFound and Sealer are
// required.
type VaultConfig struct {
	Store    Store
	NotFound error // what the store returns when there is nothing
	Sealer   LoneSealer
	KeyLife  time.Duration    // how long a key is kept after its login; default 72 h
	Now      func() time.Time // default time.Now
	Logger   *slog.Logger     // default none
}

// A Vault keeps session keys, and does with them what people need them for:
// no key comes out. All replicas share it through the store, where keys are
// sealed. It is safe for concurrent use.
type Vault struct {
	config VaultConfig
}

// NewVault returns a vault.
func NewVault(config VaultConfig) *Vault {
	if config.KeyLife == 0 {
		config.KeyLife = defaultKeyLife
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Vault{config}
}

// Keep keeps the key that WeChat answered a login with at an instant. The key
// before it becomes a version that was replaced, unless it is the same. Either
// way failures are counted from the start.
func (v *Vault) Keep(ctx context.Context, account Account, key SessionKey, at time.Time) error {
	if key.Zero() {
		return errSessionKey
	}
	ctx, cancel := context.WithTimeout(ctx, keepPatience)
	defer cancel()
	unlock, _ := v.lock(ctx, account)
	defer unlock()
	versions, err := v.read(ctx, account)
	if err != nil && !errors.Is(err, ErrNoSessionKey) {
		return err
	}
	return v.write(ctx, account, v.remembered(withKey(versions, newVersion(key, at))))
}

// Current returns the key to ask WeChat about. ErrNoSessionKey.
func (v *Vault) Current(ctx context.Context, account Account) (SessionKey, error) {
	versions, err := v.read(ctx, account)
	if err != nil {
		return SessionKey{}, err
	}
	return versions[0].key, nil
}

// read returns the versions that are tried, the current one first.
func (v *Vault) read(ctx context.Context, account Account) ([]version, error) {
	sealed, err := v.config.Store.Get(ctx, account.place("keys"))
	switch {
	case errors.Is(err, v.config.NotFound):
		return nil, ErrNoSessionKey
	case err != nil:
		return nil, err
	}
	plain, err := v.config.Sealer.OpenAlone(vaultPurpose, account.identity(), sealed)
	var versions []version
	if err == nil {
		versions, err = parseVersions(plain)
	}
	if err != nil { // as after a master key was taken away; the next login mends it
		v.config.Logger.LogAttrs(ctx, slog.LevelWarn, "wechat: a kept session key does not open",
			slog.String("appid", weixin().printableAppID(account.AppID)))
		return nil, ErrNoSessionKey
	}
	return v.remembered(versions), nil
}

func (v *Vault) write(ctx context.Context, account Account, versions []version) error {
	return v.writeFor(ctx, account, versions, v.config.KeyLife)
}

func (v *Vault) writeFor(ctx context.Context, account Account, versions []version, life time.Duration) error {
	plain, err := encodeVersions(versions)
	if err != nil {
		return err
	}
	sealed, err := v.config.Sealer.SealAlone(vaultPurpose, account.identity(), plain)
	if err != nil {
		return err
	}
	return v.config.Store.Put(ctx, account.place("keys"), sealed, life)
}

// lock keeps others from changing the account's keys between reading and
// writing, and returns what ends that, and whether it does. If it takes long, the
// holder is gone, or the store: then a login goes on without, and the last
// writer wins.
func (v *Vault) lock(ctx context.Context, account Account) (unlock func(), had bool) {
	for range lockTries {
		first, err := v.config.Store.PutIfAbsent(ctx, account.place("lock"), []byte{1}, keepPatience)
		switch {
		case err != nil:
			return func() {}, false
		case first:
			return func() { _, _ = v.config.Store.Take(context.WithoutCancel(ctx), account.place("lock")) }, true
		}
		select {
		case <-ctx.Done():
			return func() {}, false
		case <-time.After(lockPoll):
		}
	}
	return func() {}, false
}

const (
	vaultPurpose = "wechat session key"
	lockTries    = 20
	lockPoll     = 25 * time.Millisecond
)

// identity is what the account's keys are bound to: platform, app and openid.
// Quoted, no two accounts have the same.
func (a Account) identity() string { return fmt.Sprintf("wechat %q %q", a.AppID, a.OpenID) }

// place names something of the account in the store, which need not know
// openids.
func (a Account) place(what string) string {
	sum := sha256.Sum256([]byte(a.identity()))
	return "wechat/vault/" + base64.RawURLEncoding.EncodeToString(sum[:]) + "/" + what
}
