package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Undo implements identity.Joins. What it returns as moved is what it gave back.
func (j *Joins) Undo(ctx context.Context, id string) (identity.Join, error) {
	if storable(id) != nil {
		return identity.Join{}, identity.ErrNotFound
	}
	var row joinRow
	err := j.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		// This is the first lock of all, so that of two who undo one join the second finds it undone.
		if err := changed(tx.Exec("UPDATE joins SET undone_at = ? WHERE id = ? AND undone_at IS NULL", now.UnixMilli(), id)); err != nil {
			return err
		}
		row = joinRow{}
		if err := one(tx.Raw("SELECT * FROM joins WHERE id = ?", id), &row); err != nil {
			return err
		}
		retired, survivor, err := findPair(tx, j.db.words.forUpdate, row.Retired, row.Survivor)
		if err != nil {
			return err
		}
		if err := nothingLater(tx, row); err != nil {
			return err
		}
		if row.Moved, err = giveBack(tx, row.Moved, retired, survivor); err != nil {
			return err
		}
		return part(tx, now, row)
	})
	if err != nil {
		return identity.Join{}, err
	}
	return row.join(), nil
}

// nothingLater says which join must be undone before. Whoever was joined into the survivor's own survivor has left with what this one moved.
func nothingLater(tx *gorm.DB, row joinRow) error {
	var later string
	err := one(tx.Raw("SELECT id FROM joins WHERE undone_at IS NULL AND (retired = ? OR survivor = ? AND id > ?) ORDER BY id DESC LIMIT 1",
		row.Survivor, row.Survivor, row.ID), &later)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: join %s was made later and must be undone before", identity.ErrExists, later)
}

// giveBack returns to the retired user what the survivor still has, and says what that was. A name stays if it was changed since, or if the
// retired user was given another one.
func giveBack(tx *gorm.DB, m moved, retired, survivor userRow) (moved, error) {
	given, err := hand(tx, survivor.ID, retired.ID, m.Moved)
	if err != nil {
		return moved{}, err
	}
	if m.Username && survivor.UsernameKey != nil && *survivor.UsernameKey == m.UsernameKey && retired.UsernameKey == nil {
		given.Username = true
		err = handName(tx, survivor, retired.ID)
	}
	return moved{Moved: given}, err
}

// part makes two users of one again, and tells of it. Sessions of the survivor may be either person's.
func part(tx *gorm.DB, now time.Time, row joinRow) error {
	if err := newEpochs(tx, row); err != nil {
		return err
	}
	if err := changed(tx.Exec("UPDATE users SET joined_into = NULL WHERE id = ?", row.Retired)); err != nil {
		return err
	}
	if err := redirect(tx, row.Retired, row.Retired); err != nil {
		return err
	}
	if _, err := endSessions(tx, now, identity.EndedByJoin, "user_id = ?", row.Survivor); err != nil {
		return err
	}
	return recordEvent(tx, now, identity.Event{
		Kind: identity.EventJoinUndone, UserID: row.Retired, Detail: "from " + row.Survivor + ": " + row.Moved.summary(),
	})
}
