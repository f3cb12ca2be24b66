package wechat

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

const (
	// maxFailures limits the failures with a version of a key. WeChat's format has no MAC,
	// so every failure tells an attacker something.
	maxFailures = 10

	// useLifetime limits a use of a key, including the call of WeChat, in case the process
	// crashes before it ends.
	useLifetime = 30 * time.Second
)

// Confirm asks WeChat whether it encrypted a message itself, by the
// hexadecimal SHA-256 of its encryptedData.
type Confirm func(ctx context.Context, sha256Hex string) (genuine bool, err error)

// Decrypt decrypts data that a mini-program got for an account. It returns ErrBadData for any error
// in it, and ErrNoSessionKey if there is no usable key. A phone number is Verified if confirm says
// that WeChat encrypted it. If WeChat did not, Decrypt returns ErrBadData; if WeChat cannot be
// asked, the number stays unverified.
func (v *Vault) Decrypt(ctx context.Context, account Account, sealed EncryptedData, kind Kind,
	confirm Confirm) (Opened, error) {
	var opened Opened
	err := v.use(ctx, account, func(keys []SessionKey) error {
		decoded := sealed.decode()
		for _, key := range keys {
			var err error
			if opened, err = decoded.open(key, kind, account, v.config.Now()); err == nil {
				// The context is not canceled: otherwise an attacker could disconnect when the
				// answer takes as long as a call to WeChat, and learn something without a counted
				// failure.
				return v.confirm(context.WithoutCancel(ctx), &opened, sealed, confirm)
			}
		}
		return ErrBadData
	})
	if err != nil {
		return Opened{}, err
	}
	return opened, nil
}

func (v *Vault) confirm(ctx context.Context, opened *Opened, sealed EncryptedData, confirm Confirm) error {
	if opened.Kind != KindPhone || confirm == nil {
		return nil
	}
	sum := sha256.Sum256([]byte(sealed.Data))
	genuine, err := confirm(ctx, hex.EncodeToString(sum[:]))
	if err != nil { // decrypted, but not verified
		return nil
	}
	if !genuine {
		return ErrBadData
	}
	opened.Verified = true
	return nil
}

// Verify checks the signature of rawData, which must be unchanged as received. It returns
// ErrBadData if it does not match, and ErrNoSessionKey if there is no usable key.
func (v *Vault) Verify(ctx context.Context, account Account, rawData, signature string) error {
	return v.use(ctx, account, func(keys []SessionKey) error {
		for _, key := range keys {
			if signatureMatches(rawData, signature, key) {
				return nil
			}
		}
		return ErrBadData
	})
}

// use calls try with the keys of an account. A failure counts against each of them.
//
// Each try takes one of a version's ten slots and returns it if it succeeds. If failures were
// counted afterwards, a burst of tries would be let in before the first one counts; and a
// rate limit would let more in over time.
func (v *Vault) use(ctx context.Context, account Account, try func(keys []SessionKey) error) error {
	versions, err := v.read(ctx, account)
	if err != nil {
		return err
	}
	var keys []SessionKey
	var slots []string
	for _, version := range versions {
		slot, err := v.takeSlot(ctx, account, version)
		if err != nil {
			return err
		}
		if slot != "" {
			keys, slots = append(keys, version.key), append(slots, slot)
		}
	}
	if len(keys) == 0 {
		return fmt.Errorf("%w: too many failures", ErrNoSessionKey)
	}
	failed := try(keys)
	if err := v.settle(context.WithoutCancel(ctx), slots, failed != nil); err != nil {
		return err
	}
	return failed
}

// takeSlot takes a free slot of a version and returns its key in the store, or "" if none is left.
func (v *Vault) takeSlot(ctx context.Context, account Account, tried version) (string, error) {
	for n := range maxFailures {
		slot := account.storeKey(fmt.Sprintf("%s/%d", tried.id, n))
		free, err := v.config.Store.PutIfAbsent(ctx, slot, []byte{1}, useLifetime)
		if err != nil {
			return "", err
		}
		if free {
			return slot, nil
		}
	}
	return "", nil
}

// settle returns slots, or keeps them for as long as the key if the try failed. If a failure
// cannot be counted, it returns the error of the store instead.
func (v *Vault) settle(ctx context.Context, slots []string, failed bool) error {
	for _, slot := range slots {
		if !failed {
			_, _ = v.config.Store.Take(ctx, slot) // if this fails, it expires
			continue
		}
		if err := v.config.Store.Put(ctx, slot, []byte{1}, v.config.KeyLifetime); err != nil {
			return err
		}
	}
	return nil
}

// resealTries is how often Reseal tries to lock an account's keys. Unlike a login, it does
// not continue without the lock: it could overwrite the key of a concurrent login.
const resealTries = 4

// Reseal reseals the keys of an account if the sealed value is outdated, for example after a change
// of master keys. It does not extend their lifetime. It reports whether it resealed them. Keys that
// cannot be opened stay unchanged: the next login replaces them.
func (v *Vault) Reseal(ctx context.Context, account Account, outdated func(sealed []byte) bool) (bool, error) {
	sealed, err := v.config.Store.Get(ctx, account.storeKey("keys"))
	switch {
	case errors.Is(err, v.config.NotFound):
		return false, nil
	case err != nil:
		return false, err
	case !outdated(sealed):
		return false, nil
	}
	unlock, had := v.lock(ctx, account)
	for try := 1; !had && try < resealTries; try++ { // the lock of a crashed process expires by then
		unlock, had = v.lock(ctx, account)
	}
	if err := ctx.Err(); err != nil {
		return false, err
	}
	if !had {
		return false, errors.New("the session keys of an account are locked; run it again")
	}
	defer unlock()
	versions, err := v.read(ctx, account)
	switch {
	case errors.Is(err, ErrNoSessionKey):
		return false, nil
	case err != nil:
		return false, err
	}
	left := v.config.KeyLifetime - v.config.Now().Sub(versions[0].at)
	if left < time.Second {
		return false, nil
	}
	return true, v.writeFor(ctx, account, versions, min(left, v.config.KeyLifetime))
}
