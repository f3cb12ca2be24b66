package sql

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Deletions implements identity.Deletions.
type Deletions struct{ db *DB }

var _ identity.Deletions = (*Deletions)(nil)

// Deletions returns the store of deletions.
func (db *DB) Deletions() *Deletions { return &Deletions{db} }

// RequestDeletion implements identity.Deletions.
func (d *Deletions) RequestDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error) {
	return d.schedule(ctx, id, grace, false)
}

// ScheduleDeletion implements identity.Deletions.
func (d *Deletions) ScheduleDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error) {
	return d.schedule(ctx, id, grace, true)
}

func (d *Deletions) schedule(ctx context.Context, id string, grace time.Duration, byOperator bool) (deletesAt time.Time,
	err error) {
	if storable(id) != nil {
		return time.Time{}, identity.ErrNotFound
	}
	err = d.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := d.db.dialect.userForUpdate(tx, id)
		if err != nil {
			return err
		}
		deletesAt, err = scheduleDeletion(tx, now, user, grace, byOperator)
		return err
	})
	if err != nil {
		return time.Time{}, err
	}
	return deletesAt, nil
}

// scheduleDeletion schedules the deletion of a user whom the transaction has locked, and ends their sessions.
func scheduleDeletion(tx *gorm.DB, now time.Time, user identity.User, grace time.Duration, byOperator bool) (time.Time,
	error) {
	event := identity.Event{Kind: identity.EventDeletionRequested, UserID: user.ID}
	ms := now.Add(grace).UnixMilli()
	switch {
	case byOperator:
		event.Detail = "by an operator"
		if user.DeletionRequested() {
			ms = min(ms, user.DeletesAt.UnixMilli())
		}
	case user.DeletionRequested():
		return user.DeletesAt, nil
	}
	if err := changed(tx.Exec("UPDATE users SET deletes_at = ?, dismissed = ?, auth_epoch = auth_epoch "+
		"+ 1 WHERE id = ?", ms, byOperator, user.ID)); err != nil {
		return time.Time{}, err
	}
	if _, err := endAllSessions(tx, now, identity.EndedByDeletion, user.ID); err != nil {
		return time.Time{}, err
	}
	return instant(&ms), recordEvent(tx, now, event)
}

// CancelDeletion implements identity.Deletions.
func (d *Deletions) CancelDeletion(ctx context.Context, id string) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return d.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := d.db.dialect.userForUpdate(tx, id)
		if err != nil || !user.DeletionRequested() {
			return err
		}
		if err := changed(tx.Exec("UPDATE users SET deletes_at = NULL, dismissed = ? WHERE id = ?", false,
			id)); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventDeletionCancelled, UserID: id})
	})
}

// isDue selects users who can be deleted now. A disabled user is kept, since the accounts of a deleted user can sign
// in as a new user, who would not be disabled.
const isDue = "deletes_at <= ? AND (disabled_at IS NULL OR dismissed) AND joined_into IS NULL"

// PurgeDeleted implements identity.Deletions. Each user is deleted in a separate transaction: none is long, and a
// user who cannot be deleted does not block the others.
func (d *Deletions) PurgeDeleted(ctx context.Context, batch int) (deleted int, err error) {
	now, err := d.db.Clock(ctx)
	if err != nil {
		return 0, err
	}
	ids, err := scanAll[string](d.db.read.WithContext(ctx), "SELECT id FROM users WHERE "+isDue+
		" ORDER BY deletes_at, id LIMIT ?", now.UnixMilli(), batch)
	if err != nil {
		return 0, err
	}
	var failures []error
	for _, id := range ids {
		if ctx.Err() != nil {
			return deleted, errors.Join(append(failures, ctx.Err())...)
		}
		switch err := d.deleteUser(ctx, id); {
		case err == nil:
			deleted++
		// not found: in the meantime the deletion was canceled, the user disabled, or deleted by another server
		case !errors.Is(err, identity.ErrNotFound):
			failures = append(failures, err)
		}
	}
	return deleted, errors.Join(failures...)
}

// withRetired prefixes a query with the table family: a user, all users who were merged into that user, and so on.
// Without the survivor their ids resolve to nobody.
func withRetired(query string) string {
	return `WITH RECURSIVE family (id) AS (
		SELECT id FROM users WHERE id = ?
		UNION SELECT j.retired FROM joins j JOIN family ON j.survivor = family.id WHERE j.undone_at IS NULL) ` + query
}

// deletions are statements in the order that the references between the tables require. Each takes
// the ids as its value.
var deletions = []string{
	"DELETE FROM sessions WHERE user_id IN ?",
	"DELETE FROM browser_sessions WHERE user_id IN ?",
	"DELETE FROM consents WHERE user_id IN ?",
	"DELETE FROM accounts WHERE user_id IN ?",
	"DELETE FROM unions WHERE user_id IN ?",
	"DELETE FROM profiles WHERE user_id IN ?",
	"DELETE FROM joins WHERE retired IN ?",
	"DELETE FROM joins WHERE survivor IN ?", // including undone merges, whose retired users are kept
	"DELETE FROM users WHERE id IN ?",
}

// deleteUser locks the user. So does everything that adds data to a user: it either runs before the deletion, which
// then deletes that data too, or waits and finds no user.
func (d *Deletions) deleteUser(ctx context.Context, id string) error {
	return d.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		var held string
		if err := one(tx.Raw("SELECT id FROM users WHERE id = ? AND "+isDue+d.db.dialect.forUpdate, id,
			now.UnixMilli()), &held); err != nil {
			return err
		}
		var ids []string
		if err := tx.Raw(withRetired("SELECT id FROM family"), id).Scan(&ids).Error; err != nil {
			return err
		}
		for _, id := range ids {
			if err := d.db.dialect.lockUser(tx, id); err != nil {
				return err
			}
		}
		if err := keepEndings(tx, now, ids); err != nil {
			return err
		}
		for _, statement := range deletions {
			if err := tx.Exec(statement, ids).Error; err != nil {
				return err
			}
		}
		for _, id := range ids {
			// gorm would take bytes right after a parenthesis for a list.
			if err := tx.Exec("INSERT INTO retired_subjects (retired_at, hash) VALUES (?, ?)", now.UnixMilli(),
				subjectHash(id)).Error; err != nil {
				return err
			}
			if err := recordEvent(tx, now, identity.Event{Kind: identity.EventUserDeleted, UserID: id}); err != nil {
				return err
			}
		}
		return nil
	})
}
