package admin

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
)

// SecretRewrapper re-encrypts the AppSecrets that are encrypted with an older master key, and returns their
// number.
type SecretRewrapper interface {
	Rewrap(ctx context.Context) (int, error)
}

// AccountLister calls do for every account of a platform.
type AccountLister interface {
	Each(ctx context.Context, platform string, do func(identity.AccountKey) error) error
}

// Rewrapped is how much Rewrap re-encrypted.
type Rewrapped struct {
	Keys    int
	Secrets int // AppSecrets, and keys of pushes
}

// Rewrap re-encrypts the keys and AppSecrets that are encrypted with an older master key. Then it calls rest, which
// must do the same for data in other stores, see RewrapSessionKeys. If it returns an error, the older master keys are
// still needed.
func (k *Keys) Rewrap(ctx context.Context, actor identity.Actor, rest func(context.Context, Rewrapped) error) error {
	ctx = identity.WithActor(ctx, actor)
	sealed, err := k.keeper.Rewrap(ctx)
	if err != nil {
		return err
	}
	secrets, err := k.secrets.Rewrap(ctx)
	if err != nil {
		return err
	}
	return rest(ctx, Rewrapped{sealed, secrets})
}

// reportEvery is how often RewrapSessionKeys reports its progress.
const reportEvery = 5 * time.Second

// SessionKeyResealer is a [wechat.Vault].
type SessionKeyResealer interface {
	Reseal(ctx context.Context, account wechat.Account, outdated func(sealed []byte) bool) (bool, error)
}

// RewrapSessionKeys re-encrypts the session keys of WeChat accounts that are encrypted with an older master key, and
// returns their number. It calls progress every few seconds. It can be canceled and run again. It returns the errors
// of the store and the vault, and the context's error.
func (k *Keys) RewrapSessionKeys(ctx context.Context, actor identity.Actor, vault SessionKeyResealer,
	progress func(looked, resealed int)) (resealed int, err error) {
	ctx = identity.WithActor(ctx, actor)
	looked, reported := 0, time.Now()
	err = k.accounts.Each(ctx, identity.PlatformWechat, func(key identity.AccountKey) error {
		done, err := vault.Reseal(ctx, wechat.Account{AppID: key.App, OpenID: key.Subject}, k.ring.Outdated)
		if done {
			resealed++
		}
		if looked++; time.Since(reported) > reportEvery {
			reported = time.Now()
			progress(looked, resealed)
		}
		return err
	})
	return resealed, err
}
