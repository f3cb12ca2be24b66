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

// Deletions returns the deletions of the database's users.
func (db *DB) Deletions() *Deletions { return &Deletions{db} }

// RequestDeletion implements identity.Deletions.
func (d *Deletions) RequestDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error) {
	return d.leave(ctx, id, grace, false)
}

// ScheduleDeletion implements identity.Deletions.
func (d *Deletions) ScheduleDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error) {
	return d.leave(ctx, id, grace, true)
}

func (d *Deletions) leave(ctx context.Context, id string, grace time.Duration, dismissed bool) (deletesAt time.Time,
	err error) {
	if storable(id) != nil {
		return time.Time{}, identity.ErrNotFound
	}
	err = d.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := d.db.words.heldUser(tx, id)
		if err != nil {
			return err
		}
		event := identity.Event{Kind: identity.EventDeletionRequested, UserID: id}
		ms := now.Add(grace).UnixMilli()
		switch {
		case dismissed:
			event.Detail = "by an operator"
			if user.DeletionRequested() {
				ms = min(ms, user.DeletesAt.UnixMilli())
			}
		case user.DeletionRequested():
			deletesAt = user.DeletesAt
			return nil
		}
		deletesAt = instant(&ms)
		if err := changed(tx.Exec("UPDATE users SET deletes_at = ?, dismissed = ?, auth_epoch = auth_epoch "+
			"+ 1 WHERE id = ?", ms, dismissed, id)); err != nil {
			return err
		}
		if _, err := endSessions(tx, now, identity.EndedByDeletion, "user_id = ?", id); err != nil {
			return err
		}
		return recordEvent(tx, now, event)
	})
	if err != nil {
		return time.Time{}, err
	}
	return deletesAt, nil
}

// CancelDeletion implements identity.Deletions.
func (d *Deletions) CancelDeletion(ctx context.Context, id string) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return d.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := d.db.words.heldUser(tx, id)
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

// due are users who may be deleted, and whose time has come. One who was disabled meanwhile stays: the
// accounts of who is gone make a new user, whom nobody has disabled.
const due = "deletes_at <= ? AND (disabled_at IS NULL OR dismissed) AND joined_into IS NULL"

// PurgeDeleted implements identity.Deletions. Each user goes in a transaction of its own: none is long, and one who
// cannot be deleted keeps no one else.
func (d *Deletions) PurgeDeleted(ctx context.Context, batch int) (deleted int, err error) {
	now, err := d.db.Clock(ctx)
	if err != nil {
		return 0, err
	}
	leaving, err := scanAll[string](d.db.read.WithContext(ctx), "SELECT id FROM users WHERE "+due+
		" ORDER BY deletes_at, id LIMIT ?", now.UnixMilli(), batch)
	if err != nil {
		return 0, err
	}
	var faults []error
	for _, id := range leaving {
		if ctx.Err() != nil {
			return deleted, errors.Join(append(faults, ctx.Err())...)
		}
		switch err := d.deleteLeft(ctx, id); {
		case err == nil:
			deleted++
		// who changed his mind or was disabled meanwhile, or whom another server deleted
		case !errors.Is(err, identity.ErrNotFound):
			faults = append(faults, err)
		}
	}
	return deleted, errors.Join(faults...)
}

// withRetired lets a query know a user and all who were retired into it, and into them: their ids lead
// nowhere without it.
func withRetired(query string) string {
	return `WITH RECURSIVE family (id) AS (
		SELECT id FROM users WHERE id = ?
		UNION SELECT j.retired FROM joins j JOIN family ON j.survivor = family.id WHERE j.undone_at IS NULL) ` + query
}

// deletions are in the order of references; each of them takes the ids.
var deletions = []string{
	"DELETE FROM sessions WHERE user_id IN ?",
	"DELETE FROM accounts WHERE user_id IN ?",
	"DELETE FROM unions WHERE user_id IN ?",
	"DELETE FROM profiles WHERE user_id IN ?",
	"DELETE FROM joins WHERE retired IN ?",
	"DELETE FROM joins WHERE survivor IN ?", // also of those that were undone, whose retired users stay
	"DELETE FROM users WHERE id IN ?",
}

// deleteLeft keeps the user for itself, as do all who give a user anything: they come before it and are seen,
// or wait and find nobody.
func (d *Deletions) deleteLeft(ctx context.Context, id string) error {
	return d.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		var held string
		if err := one(tx.Raw("SELECT id FROM users WHERE id = ? AND "+due+d.db.words.forUpdate, id,
			now.UnixMilli()), &held); err != nil {
			return err
		}
		var gone []string
		if err := tx.Raw(withRetired("SELECT id FROM family"), id).Scan(&gone).Error; err != nil {
			return err
		}
		for _, id := range gone {
			if err := d.db.words.lockUser(tx, id); err != nil {
				return err
			}
		}
		if err := keepEndings(tx, now, gone); err != nil {
			return err
		}
		for _, statement := range deletions {
			if err := tx.Exec(statement, gone).Error; err != nil {
				return err
			}
		}
		for _, id := range gone {
			// gorm takes bytes right after a parenthesis for a list.
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
