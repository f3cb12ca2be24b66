package sql

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// Keys implements keys.Store.
type Keys struct{ db *DB }

var _ keys.Store = (*Keys)(nil)

// Keys returns the database's keys.
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

// Keys implements keys.Store.
func (k *Keys) Keys(ctx context.Context) ([]keys.Record, error) {
	var rows []keyRow
	err := k.db.read.WithContext(ctx).Raw("SELECT * FROM keys ORDER BY purpose, sequence").Scan(&rows).Error
	records := make([]keys.Record, len(rows))
	for n, r := range rows {
		records[n] = keys.Record{
			Purpose: keys.Purpose(r.Purpose), Sequence: r.Sequence, ID: r.ID, Sealed: r.Sealed, CreatedAt: instant(&r.CreatedAt),
			AnnouncedAt: instant(r.AnnouncedAt), SigningAt: instant(r.SigningAt), RetiredAt: instant(r.RetiredAt), GoneAt: instant(r.GoneAt),
		}
	}
	return records, ended(ctx, err)
}

// AddKey implements keys.Store.
func (k *Keys) AddKey(ctx context.Context, r keys.Record) (bool, error) {
	if err := storable(string(r.Purpose), r.ID); err != nil {
		return false, err
	}
	row := keyRow{
		Purpose: string(r.Purpose), Sequence: r.Sequence, ID: r.ID, Sealed: r.Sealed, CreatedAt: r.CreatedAt.UnixMilli(),
		AnnouncedAt: millis(r.AnnouncedAt), SigningAt: millis(r.SigningAt), RetiredAt: millis(r.RetiredAt), GoneAt: millis(r.GoneAt),
	}
	err := wrote(k.db.write.WithContext(ctx).Create(&row))
	if errors.Is(err, identity.ErrExists) {
		return false, nil
	}
	return err == nil, err
}
