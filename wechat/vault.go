package wechat

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"time"
)

const (
	defaultKeyLifetime = 72 * time.Hour

	// keyOverlap is how long a replaced key is still tried: WeChat may have encrypted or
	// signed data just before a login changed the key.
	keyOverlap = 10 * time.Minute

	// maxVersions limits the keys of an account, including the current one.
	maxVersions = 3

	// keepTimeout limits how long a login waits for the vault.
	keepTimeout = time.Second
)

var (
	// ErrBadData means that encrypted data or a signature was not made by WeChat for this
	// account, or is malformed. It does not tell these cases apart.
	ErrBadData = errors.New("wechat: invalid data")

	// ErrNoSessionKey means that there is no usable key: the user never logged in, or not
	// recently, or there were too many failures since. The next login provides one.
	ErrNoSessionKey = errors.New("wechat: no session key until the next login")
)

// An Account is a user at an app.
type Account struct {
	AppID  string
	OpenID string
}

// A PerIdentitySealer encrypts values for the store, with a separate key for each identity. A value
// that was sealed for one purpose and identity cannot be opened for another.
type PerIdentitySealer interface {
	SealPerIdentity(purpose, identity string, plaintext []byte) ([]byte, error)
	OpenPerIdentity(purpose, identity string, sealed []byte) ([]byte, error)
}

// VaultConfig configures a Vault. Store, NotFound and Sealer are required.
type VaultConfig struct {
	Store       Store
	NotFound    error // what the store returns when there is no value
	Sealer      PerIdentitySealer
	KeyLifetime time.Duration    // how long a key is kept after its login; default 72 h
	Now         func() time.Time // default time.Now
	Logger      *slog.Logger     // default none
}

// A Vault keeps session keys and decrypts and verifies with them. Only Current returns a key.
// All replicas share it through the store, where keys are sealed. It is safe for concurrent use.
type Vault struct {
	config VaultConfig
}

// NewVault returns a vault.
func NewVault(config VaultConfig) *Vault {
	if config.KeyLifetime == 0 {
		config.KeyLifetime = defaultKeyLifetime
	}
	if config.Now == nil {
		config.Now = time.Now
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return &Vault{config}
}

// Keep stores the key that WeChat returned for a login at a given time. The previous key
// becomes a replaced version, unless it is the same. In both cases the count of failures
// starts from zero.
func (v *Vault) Keep(ctx context.Context, account Account, key SessionKey, at time.Time) error {
	if key.Zero() {
		return errSessionKey
	}
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	unlock, _ := v.lock(ctx, account)
	defer unlock()
	versions, err := v.read(ctx, account)
	if err != nil && !errors.Is(err, ErrNoSessionKey) {
		return err
	}
	return v.write(ctx, account, v.remembered(withKey(versions, newVersion(key, at))))
}

// Current returns the current key, for calls to WeChat's API. It returns ErrNoSessionKey if
// there is none.
func (v *Vault) Current(ctx context.Context, account Account) (SessionKey, error) {
	versions, err := v.read(ctx, account)
	if err != nil {
		return SessionKey{}, err
	}
	return versions[0].key, nil
}

// Forget deletes the keys of an account from logins before a time, and keeps those of later ones.
func (v *Vault) Forget(ctx context.Context, account Account, before time.Time) error {
	ctx, cancel := context.WithTimeout(ctx, keepTimeout)
	defer cancel()
	unlock, _ := v.lock(ctx, account)
	defer unlock()
	versions, err := v.read(ctx, account)
	if errors.Is(err, ErrNoSessionKey) {
		return nil
	}
	if err != nil {
		return err
	}
	later := slices.DeleteFunc(slices.Clone(versions), func(v version) bool { return v.at.Before(before) })
	switch len(later) {
	case len(versions):
		return nil
	case 0:
		_, err = v.config.Store.Take(ctx, account.storeKey("keys"))
		if errors.Is(err, v.config.NotFound) {
			return nil
		}
		return err
	}
	return v.write(ctx, account, later)
}

// read returns the versions to try, the current one first.
func (v *Vault) read(ctx context.Context, account Account) ([]version, error) {
	sealed, err := v.config.Store.Get(ctx, account.storeKey("keys"))
	switch {
	case errors.Is(err, v.config.NotFound):
		return nil, ErrNoSessionKey
	case err != nil:
		return nil, err
	}
	plain, err := v.config.Sealer.OpenPerIdentity(vaultPurpose, account.identity(), sealed)
	var versions []version
	if err == nil {
		versions, err = parseVersions(plain)
	}
	if err != nil { // for example, a master key was removed; the next login replaces it
		v.config.Logger.LogAttrs(ctx, slog.LevelWarn, "wechat: cannot open a stored session key",
			slog.String("appid", wechatPlatform().printableAppID(account.AppID)))
		return nil, ErrNoSessionKey
	}
	return v.remembered(versions), nil
}

func (v *Vault) write(ctx context.Context, account Account, versions []version) error {
	return v.writeFor(ctx, account, versions, v.config.KeyLifetime)
}

func (v *Vault) writeFor(ctx context.Context, account Account, versions []version, life time.Duration) error {
	plain, err := encodeVersions(versions)
	if err != nil {
		return err
	}
	sealed, err := v.config.Sealer.SealPerIdentity(vaultPurpose, account.identity(), plain)
	if err != nil {
		return err
	}
	return v.config.Store.Put(ctx, account.storeKey("keys"), sealed, life)
}

// lock prevents other callers from changing the account's keys between reading and writing. ctx must
// end within keepTimeout, after which the lock expires. It returns a function to unlock, and whether
// it got the lock. If it takes too long, the holder has crashed or the store is unreachable: then a
// login continues without the lock, and the last writer wins.
func (v *Vault) lock(ctx context.Context, account Account) (unlock func(), locked bool) {
	for range lockTries {
		first, err := v.config.Store.PutIfAbsent(ctx, account.storeKey("lock"), []byte{1}, keepTimeout)
		switch {
		case err != nil:
			return func() {}, false
		case first:
			return func() { v.unlock(ctx, account) }, true
		}
		select {
		case <-ctx.Done():
			return func() {}, false
		case <-time.After(lockPoll):
		}
	}
	return func() {}, false
}

// unlock releases a lock. If ctx has ended, the lock expires about now and may already be another login's, so it is
// left to expire.
func (v *Vault) unlock(ctx context.Context, account Account) {
	if ctx.Err() == nil {
		_, _ = v.config.Store.Take(ctx, account.storeKey("lock"))
	}
}

const (
	vaultPurpose = "wechat session key"
	lockTries    = 20
	lockPoll     = 25 * time.Millisecond
)

// identity returns platform, app and openid, to which the account's keys are bound. The
// quotes make it unambiguous.
func (a Account) identity() string { return fmt.Sprintf("wechat %q %q", a.AppID, a.OpenID) }

// storeKey returns a key of the account in the store. It does not contain the openid.
func (a Account) storeKey(what string) string {
	sum := sha256.Sum256([]byte(a.identity()))
	return "wechat/vault/" + base64.RawURLEncoding.EncodeToString(sum[:]) + "/" + what
}

// maxLoginDisorder is the greatest age difference between two logins that are stored in the
// wrong order. A larger one means that the servers' clocks differ, and then the last writer
// wins.
const maxLoginDisorder = 15 * time.Second

// A version is a session key of an account, from a login on.
type version struct {
	id       string // names the count of its failures in the store; new with each login
	key      SessionKey
	at       time.Time // when WeChat answered the login
	replaced time.Time // zero while the key is the current one
}

func newVersion(key SessionKey, at time.Time) version {
	id := make([]byte, 9)
	_, _ = rand.Read(id) // never fails
	return version{id: base64.RawURLEncoding.EncodeToString(id), key: key, at: at}
}

// withKey adds a key as the current one. If a concurrent login was answered later, the key
// comes second: the latest answer has WeChat's current key.
func withKey(versions []version, added version) []version {
	if len(versions) == 0 {
		return []version{added}
	}
	current := versions[0]
	if late := current.at.Sub(added.at); 0 < late && late < maxLoginDisorder {
		if current.key.equal(added.key) {
			return versions
		}
		added.replaced = current.at
		return append([]version{current, added}, without(versions[1:], added.key)...)
	}
	current.replaced = added.at
	return append([]version{added}, without(append([]version{current}, versions[1:]...), added.key)...)
}

func without(versions []version, key SessionKey) []version {
	var others []version
	for _, version := range versions {
		if !version.key.equal(key) {
			others = append(others, version)
		}
	}
	return others
}

// remembered drops the versions that were replaced too long ago, and those beyond
// maxVersions.
func (v *Vault) remembered(versions []version) []version {
	var kept []version
	for n, version := range versions {
		if n == 0 || v.config.Now().Sub(version.replaced) <= keyOverlap {
			kept = append(kept, version)
		}
	}
	return kept[:min(len(kept), maxVersions)]
}

// versionRecord is the sealed form of a version. Times are in milliseconds since 1970.
type versionRecord struct {
	ID       string `json:"id"`
	Key      string `json:"key"`
	At       int64  `json:"at"`
	Replaced int64  `json:"replaced"`
}

func encodeVersions(versions []version) ([]byte, error) {
	var records []versionRecord
	for _, version := range versions {
		records = append(records, versionRecord{version.id, version.key.text(), version.at.UnixMilli(),
			version.replaced.UnixMilli()})
	}
	return json.Marshal(records)
}

func parseVersions(plain []byte) ([]version, error) {
	var records []versionRecord
	if err := json.Unmarshal(plain, &records); err != nil || len(records) == 0 {
		return nil, errors.New("wechat: malformed record of session keys")
	}
	var versions []version
	for _, record := range records {
		key, err := ParseSessionKey(record.Key)
		if err != nil {
			return nil, err
		}
		versions = append(versions, version{record.ID, key, time.UnixMilli(record.At), time.UnixMilli(record.Replaced)})
	}
	return versions, nil
}
