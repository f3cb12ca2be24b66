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
	var undone identity.Join
	err := j.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		row, retired, survivor, err := j.held(tx, id)
		if err != nil {
			return err
		}
		if err := nothingLater(tx, row); err != nil {
			return err
		}
		given, doubts, err := giveBack(tx, row.Moved, retired, survivor)
		if err != nil {
			return err
		}
		ms := now.UnixMilli()
		row.UndoneAt = &ms
		undone = row.join()
		undone.Moved, undone.Doubts = given, doubts
		return part(tx, now, row, given)
	})
	if err != nil {
		return identity.Join{}, err
	}
	return undone, nil
}

// held finds a join that holds, and keeps its users as they are. They come first, as for all who change what
// a user has: of two who undo one join the second waits for them, and finds it undone.
func (j *Joins) held(tx *gorm.DB, id string) (row joinRow, retired, survivor userRow, err error) {
	const holds = "SELECT * FROM joins WHERE id = ? AND undone_at IS NULL"
	var found joinRow
	if err := one(tx.Raw(holds, id), &found); err != nil {
		return row, retired, survivor, err
	}
	if retired, survivor, err = findPair(tx, j.db.words.forUpdate, found.Retired, found.Survivor); err != nil {
		return row, retired, survivor, err
	}
	return row, retired, survivor, one(tx.Raw(holds, id), &row)
}

// nothingLater says which join must be undone before. Whoever was joined into the survivor's own survivor has
// left with what this one moved.
func nothingLater(tx *gorm.DB, row joinRow) error {
	var later string
	err := one(tx.Raw("SELECT id FROM joins WHERE undone_at IS NULL AND (retired = ? OR survivor = ? AND "+
		"id > ?) ORDER BY id DESC LIMIT 1",
		row.Survivor, row.Survivor, row.ID), &later)
	if errors.Is(err, identity.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return fmt.Errorf("%w: join %s was made later and must be undone before", identity.ErrExists, later)
}

// part makes two users of one again, and tells of it. Sessions of the survivor may be either person's.
func part(tx *gorm.DB, now time.Time, row joinRow, given identity.Moved) error {
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
	if err := changed(tx.Exec("UPDATE joins SET undone_at = ?, moved = ? WHERE id = ?", row.UndoneAt,
		row.Moved.parted(), row.ID)); err != nil {
		return err
	}
	return recordEvent(tx, now, identity.Event{
		Kind: identity.EventJoinUndone, UserID: row.Retired, Detail: "from " + row.Survivor + ": " +
			moved{Moved: given}.summary(),
	})
}
