package sql

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// sealPushKeys is the purpose for which the keys of pushes are sealed; the identity is platform/app.
const sealPushKeys = "push-keys"

// Pushes implements identity.Pushes.
type Pushes struct{ db *DB }

var _ identity.Pushes = (*Pushes)(nil)

// Pushes returns the store of settings for message pushes.
func (a *Apps) Pushes() *Pushes { return &Pushes{a.db} }

type pushRow struct {
	Platform    string
	App         string
	Mode        string
	SealedKeys  []byte
	FormerKeys  []byte
	FormerUntil *int64
	SetAt       int64
	VerifiedAt  *int64
	ReceivedAt  *int64
}

func (r pushRow) push() identity.Push {
	return identity.Push{Platform: r.Platform, App: r.App, Mode: r.Mode, SetAt: instant(&r.SetAt),
		FormerUntil: instant(r.FormerUntil), VerifiedAt: instant(r.VerifiedAt), ReceivedAt: instant(r.ReceivedAt)}
}

// pushKeys is the form in which keys are sealed.
type pushKeys struct {
	Token          string `json:"token"`
	EncodingAESKey string `json:"encoding_aes_key"`
}

// Find implements identity.Pushes.
func (p *Pushes) Find(ctx context.Context, platform, app string) (identity.Push, error) {
	var row pushRow
	if storable(platform, app) != nil {
		return identity.Push{}, identity.ErrNotFound
	}
	if err := one(p.db.read.WithContext(ctx).Raw("SELECT * FROM pushes WHERE platform = ? AND app = ?", platform, app),
		&row); err != nil {
		return identity.Push{}, err
	}
	push := row.push()
	var err error
	if push.Keys, err = p.open(row, row.SealedKeys); err != nil || row.FormerUntil == nil {
		return push, err
	}
	now, err := p.db.Clock(ctx)
	if err != nil || !now.Before(push.FormerUntil) {
		push.FormerUntil = time.Time{}
		return push, err
	}
	push.FormerKeys, err = p.open(row, row.FormerKeys)
	return push, err
}

func (p *Pushes) open(row pushRow, sealed []byte) (identity.PushKeys, error) {
	if p.db.ring == nil {
		return identity.PushKeys{}, errNoPushKeys
	}
	text, err := p.db.ring.Open(sealPushKeys, row.Platform+"/"+row.App, sealed)
	if err != nil {
		return identity.PushKeys{}, fmt.Errorf("%w: cannot decrypt the push keys of %s, possibly because they were "+
			"encrypted with another master_key (LINGPAI_MASTER_KEY): %w", identity.ErrUnusable, row.App, err)
	}
	var keys pushKeys
	err = json.Unmarshal(text, &keys)
	return identity.PushKeys{Token: identity.Secret(keys.Token),
		EncodingAESKey: identity.Secret(keys.EncodingAESKey)}, err
}

var errNoPushKeys = errors.New("the keys of message pushes need master_key (LINGPAI_MASTER_KEY)")

func (p *Pushes) seal(platform, app string, keys identity.PushKeys) ([]byte, error) {
	if p.db.ring == nil {
		return nil, errNoPushKeys
	}
	text, err := json.Marshal(pushKeys{keys.Token.Reveal(), keys.EncodingAESKey.Reveal()})
	if err != nil {
		return nil, err
	}
	return p.db.ring.Seal(sealPushKeys, platform+"/"+app, text)
}

const setPush = `INSERT INTO pushes (platform, app, mode, sealed_keys, former_keys, former_until, set_at)
	VALUES (?, ?, ?, ?, ?, ?, ?)
	ON CONFLICT (platform, app) DO UPDATE SET mode = excluded.mode, sealed_keys = excluded.sealed_keys,
		former_keys = excluded.former_keys, former_until = excluded.former_until, set_at = excluded.set_at,
		verified_at = NULL`

// Set implements identity.Pushes.
func (p *Pushes) Set(ctx context.Context, push identity.Push, keep time.Duration) error {
	if storable(push.Platform, push.App) != nil {
		return identity.ErrNotFound
	}
	sealed, err := p.seal(push.Platform, push.App, push.Keys)
	if err != nil {
		return err
	}
	return p.change(ctx, push, func(tx *gorm.DB, now time.Time) error {
		var app string
		// the lock excludes a concurrent removal of the app
		if err := one(tx.Raw("SELECT id FROM apps WHERE platform = ? AND id = ?"+p.db.dialect.forUpdate, push.Platform,
			push.App), &app); err != nil {
			return err
		}
		former, err := p.replaced(tx, push.Platform, push.App)
		if err != nil {
			return err
		}
		var formerKeys, formerUntil any // NULL
		if former != nil {
			formerKeys, formerUntil = former, now.Add(keep).UnixMilli()
		}
		return wrote(tx.Exec(setPush, push.Platform, push.App, push.Mode, sealed, formerKeys, formerUntil,
			now.UnixMilli()))
	})
}

// replaced returns the sealed keys that are the former ones when new keys are set: those of now, or the former ones if
// WeChat has never used those of now; nil if there are none, or if they cannot be opened. It locks the row, so that
// WeChat does not verify keys meanwhile.
func (p *Pushes) replaced(tx *gorm.DB, platform, app string) ([]byte, error) {
	var row pushRow
	err := one(tx.Raw("SELECT * FROM pushes WHERE platform = ? AND app = ?"+p.db.dialect.forUpdate, platform, app),
		&row)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	sealed := row.SealedKeys
	if row.VerifiedAt == nil && row.FormerKeys != nil {
		sealed = row.FormerKeys
	}
	if _, err := p.open(row, sealed); err != nil {
		return nil, nil
	}
	return sealed, nil
}

// SetMode implements identity.Pushes.
func (p *Pushes) SetMode(ctx context.Context, platform, app, mode string) error {
	push := identity.Push{Platform: platform, App: app, Mode: mode}
	return p.change(ctx, push, func(tx *gorm.DB, _ time.Time) error {
		return changed(tx.Exec("UPDATE pushes SET mode = ? WHERE platform = ? AND app = ?", mode, platform, app))
	})
}

// Remove implements identity.Pushes.
func (p *Pushes) Remove(ctx context.Context, platform, app string) error {
	push := identity.Push{Platform: platform, App: app, Mode: "off"}
	return p.change(ctx, push, func(tx *gorm.DB, _ time.Time) error {
		return changed(tx.Exec("DELETE FROM pushes WHERE platform = ? AND app = ?", platform, app))
	})
}

// change runs write and records an event that names the mode.
func (p *Pushes) change(ctx context.Context, push identity.Push, write func(tx *gorm.DB, now time.Time) error) error {
	if storable(push.Platform, push.App) != nil {
		return identity.ErrNotFound
	}
	event := appEvent(identity.EventAppPush, push.Platform, push.App)
	event.Detail += " " + push.Mode
	return withEvent(ctx, p.db, event, write)
}

// Verified implements identity.Pushes.
func (p *Pushes) Verified(ctx context.Context, platform, app string) error {
	return p.mark(ctx, "verified_at", platform, app)
}

// Received implements identity.Pushes.
func (p *Pushes) Received(ctx context.Context, platform, app string) error {
	return p.mark(ctx, "received_at", platform, app)
}

// markInterval is the time between two changes of a time, so that many pushes do not wait for one row.
const markInterval = time.Minute

func (p *Pushes) mark(ctx context.Context, column, platform, app string) error {
	if storable(platform, app) != nil {
		return nil
	}
	return p.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		return wrote(tx.Exec("UPDATE pushes SET "+column+" = ? WHERE platform = ? AND app = ? AND coalesce("+column+
			", 0) < ?", now.UnixMilli(), platform, app, now.Add(-markInterval).UnixMilli()))
	})
}

// List implements identity.Pushes.
func (p *Pushes) List(ctx context.Context) ([]identity.Push, error) {
	return listed(p.db.read.WithContext(ctx), pushRow.push, "SELECT * FROM pushes ORDER BY platform, app")
}

// rewrap reseals the keys that an older master key sealed, and returns the number of apps.
func (p *Pushes) rewrap(ctx context.Context) (count int, err error) {
	rows, err := scanAll[pushRow](p.db.read.WithContext(ctx), "SELECT * FROM pushes ORDER BY platform, app")
	if err != nil {
		return 0, err
	}
	for _, row := range rows {
		current, err := p.reseal(row, row.SealedKeys)
		former, err2 := p.reseal(row, row.FormerKeys)
		if err := errors.Join(err, err2); err != nil {
			return count, err
		}
		if bytes.Equal(current, row.SealedKeys) && bytes.Equal(former, row.FormerKeys) {
			continue
		}
		result := p.db.write.WithContext(ctx).Exec("UPDATE pushes SET sealed_keys = ?, former_keys = ? WHERE "+
			"platform = ? AND app = ? AND sealed_keys = ?", current, former, row.Platform, row.App, row.SealedKeys)
		if err := wrote(result); err != nil {
			return count, err
		}
		count += int(result.RowsAffected)
	}
	return count, nil
}

// reseal returns sealed keys unchanged if the first master key sealed them, or if there are none.
func (p *Pushes) reseal(row pushRow, sealed []byte) ([]byte, error) {
	if sealed == nil || p.db.ring != nil && !p.db.ring.Outdated(sealed) {
		return sealed, nil
	}
	keys, err := p.open(row, sealed)
	if err != nil {
		return nil, err
	}
	return p.seal(row.Platform, row.App, keys)
}

// WithdrawalNotices implements identity.WithdrawalNotices.
type WithdrawalNotices struct{ db *DB }

var _ identity.WithdrawalNotices = (*WithdrawalNotices)(nil)

// WithdrawalNotices returns the store of withdrawals that are still to be applied.
func (p *Pushes) WithdrawalNotices() *WithdrawalNotices { return &WithdrawalNotices{p.db} }

// addWithdrawalNotice adds nothing for a withdrawal that was applied. If that happens meanwhile, the notice is stored
// again and changes nothing. New notices are due at once, whatever the clock does, and before those that have failed.
const addWithdrawalNotice = `INSERT INTO withdrawal_notices (received_at, due_at, id, content)
	SELECT c.now, 0, v.id, v.content FROM (SELECT {clock} AS now) AS c,
		(SELECT CAST(? AS {bytes}) AS id, CAST(? AS {bytes}) AS content) AS v
	WHERE NOT EXISTS (SELECT 1 FROM withdrawals w WHERE w.id = v.id)
	ON CONFLICT (id) DO NOTHING`

// Add implements identity.WithdrawalNotices.
func (n *WithdrawalNotices) Add(ctx context.Context, notice identity.WithdrawalNotice) error {
	_, err := n.db.hot.addWithdrawalNotice.exec(ctx, notice.ID[:], notice.Content)
	return err
}

type withdrawalNoticeRow struct {
	ID      []byte
	Content []byte
}

func (r withdrawalNoticeRow) notice() identity.WithdrawalNotice {
	return identity.WithdrawalNotice{ID: [32]byte(r.ID), Content: r.Content}
}

// Claim implements identity.WithdrawalNotices.
func (n *WithdrawalNotices) Claim(ctx context.Context, batch int) ([]identity.WithdrawalNotice, error) {
	notices, _, err := claim[[]byte](ctx, n.db, "withdrawal_notices", "id", "id, content", withdrawalNoticeRow.notice,
		batch)
	return notices, err
}

// Delete implements identity.WithdrawalNotices.
func (n *WithdrawalNotices) Delete(ctx context.Context, ids ...[32]byte) error {
	if len(ids) == 0 {
		return nil
	}
	keys := make([][]byte, len(ids))
	for at := range ids {
		keys[at] = ids[at][:]
	}
	return n.db.transaction(ctx, func(tx *gorm.DB, _ time.Time) error {
		return wrote(tx.Exec("DELETE FROM withdrawal_notices WHERE id IN ?", keys))
	})
}

// WaitingWithdrawals counts the notices that are not applied yet.
type WaitingWithdrawals struct {
	Notices int
	Oldest  time.Duration // since the first of them was received
}

// Waiting returns how many notices wait.
func (n *WithdrawalNotices) Waiting(ctx context.Context) (waiting WaitingWithdrawals, err error) {
	now, err := n.db.Clock(ctx)
	if err != nil {
		return waiting, err
	}
	err = one(n.db.read.WithContext(ctx).Raw("SELECT count(*) AS notices, "+
		"coalesce(CAST(? AS BIGINT) - min(received_at), 0) * 1000000 AS oldest FROM withdrawal_notices",
		now.UnixMilli()), &waiting)
	return waiting, err
}
