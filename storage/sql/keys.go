package sql

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// Keys implements keys.Store.
type Keys struct{ db *DB }

var _ keys.Store = (*Keys)(nil)

// Keys returns the store of keys.
func (db *DB) Keys() *Keys { return &Keys{db} }

type keyRow struct {
	Purpose     string
	Sequence    int
	ID          string
	Sealed      []byte
	CreatedAt   int64 `gorm:"autoCreateTime:false"`
	AnnouncedAt *int64
	SigningAt   *int64
	RetiredAt   *int64
	GoneAt      *int64
}

func (keyRow) TableName() string { return "keys" }

func newKeyRow(r keys.Record) keyRow {
	return keyRow{
		Purpose: string(r.Purpose), Sequence: r.Sequence, ID: r.ID, Sealed: append([]byte{}, r.Sealed...),
		CreatedAt:   r.CreatedAt.UnixMilli(),
		AnnouncedAt: millis(r.AnnouncedAt), SigningAt: millis(r.SigningAt), RetiredAt: millis(r.RetiredAt),
		GoneAt: millis(r.GoneAt),
	}
}

func (r keyRow) record() keys.Record {
	return keys.Record{
		Purpose: keys.Purpose(r.Purpose), Sequence: r.Sequence, ID: r.ID, Sealed: r.Sealed,
		CreatedAt:   instant(&r.CreatedAt),
		AnnouncedAt: instant(r.AnnouncedAt), SigningAt: instant(r.SigningAt), RetiredAt: instant(r.RetiredAt),
		GoneAt: instant(r.GoneAt),
	}
}

// Keys implements keys.Store.
func (k *Keys) Keys(ctx context.Context) ([]keys.Record, error) {
	return readKeys(k.db.read.WithContext(ctx))
}

func readKeys(db *gorm.DB) ([]keys.Record, error) {
	return listed(db, keyRow.record, "SELECT * FROM keys ORDER BY purpose, sequence")
}

// Update implements keys.Store. It locks the keys. If there are none yet, there is nothing to lock: two callers
// may both add the first one, and then the later caller starts over.
func (k *Keys) Update(ctx context.Context, plan func(now time.Time, records []keys.Record) (keys.Change,
	error)) error {
	for try := 1; ; try++ {
		err := k.db.transaction(ctx, func(tx *gorm.DB, _ time.Time) error { return k.update(tx, plan) })
		if !errors.Is(err, identity.ErrExists) || try == maxTries {
			return err
		}
	}
}

func (k *Keys) update(tx *gorm.DB, plan func(now time.Time, records []keys.Record) (keys.Change, error)) error {
	if k.db.dialect.forUpdate != "" {
		if err := tx.Exec("SELECT 1 FROM keys" + k.db.dialect.forUpdate).Error; err != nil {
			return err
		}
	}
	now, err := k.db.clock(tx) // after waiting for the lock
	if err != nil {
		return err
	}
	records, err := readKeys(tx)
	if err != nil {
		return err
	}
	change, err := plan(now, records)
	if err != nil {
		return err
	}
	for _, r := range change.Records {
		if err := storable(string(r.Purpose), r.ID); err != nil {
			return err
		}
		known := slices.ContainsFunc(records, func(old keys.Record) bool {
			return old.Purpose == r.Purpose &&
				old.Sequence == r.Sequence
		})
		if err := writeKey(tx, newKeyRow(r), known); err != nil {
			return err
		}
	}
	return recordAction(tx, now, change.Action)
}

// recordAction records in the audit log what an operator did to keys.
func recordAction(tx *gorm.DB, now time.Time, action keys.Action) error {
	if action == (keys.Action{}) {
		return nil
	}
	kind, known := map[keys.ActionKind]string{
		keys.ActionRotate: identity.EventKeyRotated, keys.ActionRevoke: identity.EventKeyRevoked,
		keys.ActionImport: identity.EventKeyImported, keys.ActionRewrap: identity.EventKeysRewrapped,
	}[action.Kind]
	if !known {
		return fmt.Errorf("no kind of event for the action %q", action.Kind)
	}
	return recordEvent(tx, now, identity.Event{Kind: kind, Detail: action.ID})
}

func writeKey(tx *gorm.DB, row keyRow, known bool) error {
	if !known {
		return wrote(tx.Create(&row))
	}
	return changed(tx.Exec(`UPDATE keys SET id = ?, sealed = ?, created_at = ?, announced_at = ?,
		signing_at = ?, retired_at = ?, gone_at = ?
		WHERE purpose = ? AND sequence = ?`,
		row.ID, row.Sealed, row.CreatedAt, row.AnnouncedAt, row.SigningAt, row.RetiredAt, row.GoneAt, row.Purpose,
		row.Sequence))
}
