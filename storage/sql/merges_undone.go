package sql

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Undo implements identity.Merges. What it returns as moved is what it gave back.
func (j *Merges) Undo(ctx context.Context, id string) (identity.Merge, error) {
	if storable(id) != nil {
		return identity.Merge{}, identity.ErrNotFound
	}
	var undone identity.Merge
	err := j.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		held, err := j.held(tx, id)
		if err != nil {
			return err
		}
		row := held.row
		if err := nothingLater(tx, row); err != nil {
			return err
		}
		given, doubts, err := giveBack(tx, row.Moved, held.retired, held.survivor)
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
		return identity.Merge{}, err
	}
	return undone, nil
}

// heldMerge is a merge that holds, and its users.
type heldMerge struct {
	row               mergeRow
	retired, survivor userRow
}

// held finds a merge that holds, and keeps its users as they are. They come first, as for all who change what
// a user has: of two who undo one merge the second waits for them, and finds it undone.
func (j *Merges) held(tx *gorm.DB, id string) (held heldMerge, err error) {
	const holds = "SELECT * FROM joins WHERE id = ? AND undone_at IS NULL"
	var found mergeRow
	if err := one(tx.Raw(holds, id), &found); err != nil {
		return held, err
	}
	held.retired, held.survivor, err = findPair(tx, j.db.words.forUpdate, found.Retired, found.Survivor)
	if err != nil {
		return held, err
	}
	return held, one(tx.Raw(holds, id), &held.row)
}

// nothingLater says which join must be undone before. Whoever was merged into the survivor's own survivor has
// left with what this one moved.
func nothingLater(tx *gorm.DB, row mergeRow) error {
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
func part(tx *gorm.DB, now time.Time, row mergeRow, given identity.Moved) error {
	if err := newEpochs(tx, row); err != nil {
		return err
	}
	if err := changed(tx.Exec("UPDATE users SET joined_into = NULL WHERE id = ?", row.Retired)); err != nil {
		return err
	}
	if err := redirect(tx, row.Retired, row.Retired); err != nil {
		return err
	}
	if _, err := endSessions(tx, now, identity.EndedByMerge, "user_id = ?", row.Survivor); err != nil {
		return err
	}
	if err := changed(tx.Exec("UPDATE joins SET undone_at = ?, moved = ? WHERE id = ?", row.UndoneAt,
		row.Moved.parted(), row.ID)); err != nil {
		return err
	}
	return recordEvent(tx, now, identity.Event{
		Kind: identity.EventMergeUndone, UserID: row.Retired, Detail: "from " + row.Survivor + ": " +
			moved{Moved: given}.summary(),
	})
}

// giveBack returns to the retired user what the survivor still has, and what came to it since by what the
// retired one had. It says what that was, and what only an operator can judge.
func giveBack(tx *gorm.DB, m moved, retired, survivor userRow) (given identity.Moved, doubts []string, err error) {
	if given, err = hand(tx, survivor.ID, retired.ID, m.Moved); err != nil {
		return given, nil, err
	}
	since, stays, err := cameSince(tx, m.Own.belongings, given, retired.ID, survivor.ID)
	if err != nil {
		return given, nil, err
	}
	if since, err = hand(tx, survivor.ID, retired.ID, since); err != nil {
		return given, nil, err
	}
	given.Accounts, given.Unions = append(given.Accounts, since.Accounts...), append(given.Unions, since.Unions...)
	for _, a := range stays {
		doubts = append(doubts, fmt.Sprintf(
			"%s keeps the account %s %s %s, which came since the merge: look whose it is", survivor.ID, a.Platform,
			a.App, a.Subject))
	}
	if survivor.DeletesAt != nil {
		doubts = append(doubts, survivor.ID+" asked to be deleted since the merge: look which of the two did")
	}
	var doubt string
	if given.Username, doubt, err = giveNameBack(tx, m, retired, survivor); doubt != "" {
		doubts = append(doubts, doubt)
	}
	return given, doubts, err
}

// cameSince tells apart what the survivor has and did not have before the merge: what came by the retired user
// goes with it, and of the other accounts nobody knows. It looks when the retired user has got back what
// moved.
//
// A union is the retired user's if an account of it is in it, and none that was the survivor's own; an
// account is, if its union is.
func cameSince(tx *gorm.DB, before belongings, given identity.Moved, retired, survivor string) (goes identity.Moved,
	stays []accountRow, err error) {
	back, err := accountsOf(tx, "user_id = ?", retired)
	if err != nil {
		return goes, nil, err
	}
	kept, err := accountsOf(tx, "user_id = ?", survivor)
	if err != nil {
		return goes, nil, err
	}
	has, err := belongingsOf(tx, "", survivor)
	if err != nil {
		return goes, nil, err
	}
	isOwn := func(a accountRow) bool { return slices.Contains(before.Accounts, a.account().AccountKey) }
	for _, u := range has.Unions {
		names := func(a accountRow) bool { return a.union() == u }
		ofOwn := func(a accountRow) bool { return isOwn(a) && names(a) }
		if !slices.Contains(before.Unions, u) && slices.ContainsFunc(back, names) && !slices.ContainsFunc(kept, ofOwn) {
			goes.Unions = append(goes.Unions, u)
		}
	}
	for _, a := range kept {
		atOneApp := func(b accountRow) bool { return a.Platform == b.Platform && a.App == b.App }
		switch {
		case isOwn(a):
		case (slices.Contains(given.Unions, a.union()) || slices.Contains(goes.Unions, a.union())) &&
			!slices.ContainsFunc(back, atOneApp):
			goes.Accounts = append(goes.Accounts, a.account().AccountKey)
		default:
			stays = append(stays, a)
		}
	}
	return goes, stays, nil
}

// giveNameBack returns a name that moved, unless it was changed since, or the retired user was given another
// one. A password that was set meanwhile may be the wrong person's: with the name it goes nowhere, and of the
// survivor's own nobody knows.
func giveNameBack(tx *gorm.DB, m moved, retired, survivor userRow) (given bool, doubt string, err error) {
	if !m.Username || survivor.UsernameKey == nil || *survivor.UsernameKey != m.UsernameKey ||
		retired.UsernameKey != nil {
		if survivor.PasswordHash != "" && !bytes.Equal(digest(survivor.PasswordHash), m.Own.Password) {
			doubt = "the password of " + survivor.ID +
				" was set or hashed anew since the merge: if the other person may have set it, replace it"
		}
		return false, doubt, nil
	}
	if !bytes.Equal(digest(survivor.PasswordHash), m.Password) {
		survivor.PasswordHash = ""
		doubt = "the user name of " + retired.ID +
			" is back without a password, for that was set or hashed anew since the merge: set one"
	}
	return true, doubt, handName(tx, survivor, retired.ID)
}
