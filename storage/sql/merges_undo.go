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

// Undo implements identity.Merges.
func (m *Merges) Undo(ctx context.Context, id string) (identity.Merge, error) {
	if storable(id) != nil {
		return identity.Merge{}, identity.ErrNotFound
	}
	var undone identity.Merge
	err := m.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		held, err := m.lockMerge(tx, id)
		if err != nil {
			return err
		}
		row := held.row
		if err := requireNoLaterMerge(tx, row); err != nil {
			return err
		}
		given, warnings, err := giveBack(tx, row.Moved, held.retired, held.survivor)
		if err != nil {
			return err
		}
		ms := now.UnixMilli()
		row.UndoneAt = &ms
		undone = row.merge()
		undone.Moved, undone.Warnings = given, warnings
		return splitUsers(tx, now, row, given)
	})
	if err != nil {
		return identity.Merge{}, err
	}
	return undone, nil
}

// lockedMerge is a merge that is not undone, and its users.
type lockedMerge struct {
	row               mergeRow
	retired, survivor userRow
}

// lockMerge finds a merge that is not undone, and locks its users first, like everything that changes what a user
// has. Of two calls that undo one merge the second waits, and then returns ErrNotFound.
func (m *Merges) lockMerge(tx *gorm.DB, id string) (held lockedMerge, err error) {
	const holds = "SELECT * FROM joins WHERE id = ? AND undone_at IS NULL"
	var found mergeRow
	if err := one(tx.Raw(holds, id), &found); err != nil {
		return held, err
	}
	held.retired, held.survivor, err = findPair(tx, m.db.dialect.forUpdate, found.Retired, found.Survivor)
	if err != nil {
		return held, err
	}
	return held, one(tx.Raw(holds, id), &held.row)
}

// requireNoLaterMerge returns an error with the merge that must be undone first. If the survivor was merged into
// another user, what this merge moved has moved on to that user.
func requireNoLaterMerge(tx *gorm.DB, row mergeRow) error {
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
	return fmt.Errorf("%w: merge %s was made later and must be undone first", identity.ErrExists, later)
}

// splitUsers separates the two users, and records an event. The survivor's sessions end, since they may be of either
// person.
func splitUsers(tx *gorm.DB, now time.Time, row mergeRow, given identity.Moved) error {
	if err := nextEpoch(tx, row.Retired, row.Survivor); err != nil {
		return err
	}
	if err := changed(tx.Exec("UPDATE users SET joined_into = NULL WHERE id = ?", row.Retired)); err != nil {
		return err
	}
	if err := redirect(tx, row.Retired, row.Retired); err != nil {
		return err
	}
	if _, err := endAllSessions(tx, now, identity.EndedByMerge, row.Survivor); err != nil {
		return err
	}
	if err := changed(tx.Exec("UPDATE joins SET undone_at = ?, moved = ? WHERE id = ?", row.UndoneAt,
		row.Moved.redacted(), row.ID)); err != nil {
		return err
	}
	return recordEvent(tx, now, identity.Event{
		Kind: identity.EventMergeUndone, UserID: row.Retired, Detail: "from " + row.Survivor + ": " +
			moved{Moved: given}.summary(),
	})
}

// giveBack returns to the retired user what moved and the survivor still has, and what the survivor gained through it
// since. given is what it returned; warnings are the cases that only an operator can decide.
func giveBack(tx *gorm.DB, m moved, retired, survivor userRow) (given identity.Moved, warnings []string, err error) {
	if given, err = transfer(tx, survivor.ID, retired.ID, m.Moved); err != nil {
		return given, nil, err
	}
	since, stays, err := gainedSince(tx, m.Own.belongings, given, retired.ID, survivor.ID)
	if err != nil {
		return given, nil, err
	}
	if since, err = transfer(tx, survivor.ID, retired.ID, since); err != nil {
		return given, nil, err
	}
	given.Accounts, given.Unions = append(given.Accounts, since.Accounts...), append(given.Unions, since.Unions...)
	for _, a := range stays {
		warnings = append(warnings, fmt.Sprintf("%s keeps the account %s %s %s, which was added after the merge: "+
			"check whose it is", survivor.ID, a.Platform, a.App, a.Subject))
	}
	if survivor.DeletesAt != nil {
		warnings = append(warnings, survivor.ID+" asked to be deleted after the merge: "+
			"check which of the two users did")
	}
	var warning string
	if given.Username, warning, err = giveNameBack(tx, m, retired, survivor); warning != "" {
		warnings = append(warnings, warning)
	}
	return given, warnings, err
}

// gainedSince separates what the survivor gained since the merge: goes is what came through the retired user and
// moves back, stays are the other accounts, whose owner is unknown. It runs after the retired user has received what
// moved.
//
// A union moves back if an account of the retired user is in it, and no account that the survivor had before. An
// account moves back if its union does.
func gainedSince(tx *gorm.DB, before belongings, given identity.Moved, retired, survivor string) (goes identity.Moved,
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

// giveNameBack gives a user name back, unless it changed since or the retired user has received another one. A password
// that was set since may be the wrong person's: it does not move with the name, and if it is the survivor's own,
// warning mentions it.
func giveNameBack(tx *gorm.DB, m moved, retired, survivor userRow) (given bool, warning string, err error) {
	if !m.Username || survivor.UsernameKey == nil || *survivor.UsernameKey != m.UsernameKey ||
		retired.UsernameKey != nil {
		if survivor.PasswordHash != "" && !bytes.Equal(digest(survivor.PasswordHash), m.Own.Password) {
			warning = "the password of " + survivor.ID +
				" was set or rehashed after the merge: replace it if the other person may have set it"
		}
		return false, warning, nil
	}
	if !bytes.Equal(digest(survivor.PasswordHash), m.Password) {
		survivor.PasswordHash = ""
		warning = "the user name of " + retired.ID +
			" is back without a password, since the password was set or rehashed after the merge: set one"
	}
	return true, warning, transferName(tx, survivor, retired.ID)
}
