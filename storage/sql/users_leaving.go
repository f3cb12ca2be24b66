package sql

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Leave implements identity.Users.
func (u *Users) Leave(ctx context.Context, id string, grace time.Duration) (deletesAt time.Time, err error) {
	if storable(id) != nil {
		return time.Time{}, identity.ErrNotFound
	}
	err = u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := u.db.heldUser(tx, id)
		if err != nil || user.Leaving() {
			deletesAt = user.DeletesAt
			return err
		}
		ms := now.Add(grace).UnixMilli()
		deletesAt = instant(&ms)
		if err := changed(tx.Exec("UPDATE users SET deletes_at = ?, auth_epoch = auth_epoch + 1 WHERE id = ?", ms, id)); err != nil {
			return err
		}
		if _, err := endSessions(tx, now, identity.EndedByLeaving, "user_id = ?", id); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventLeaving, UserID: id})
	})
	if err != nil {
		return time.Time{}, err
	}
	return deletesAt, nil
}

// Stay implements identity.Users.
func (u *Users) Stay(ctx context.Context, id string) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := u.db.heldUser(tx, id)
		if err != nil || !user.Leaving() {
			return err
		}
		if err := changed(tx.Exec("UPDATE users SET deletes_at = NULL WHERE id = ?", id)); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventStaying, UserID: id})
	})
}

// DeleteLeft implements identity.Users. Each user goes in a transaction of its own: none is long, and one who cannot be deleted keeps no
// one else.
func (u *Users) DeleteLeft(ctx context.Context, batch int) (deleted int, err error) {
	now, err := u.db.Clock(ctx)
	if err != nil {
		return 0, err
	}
	var due []string
	err = u.db.read.WithContext(ctx).Raw("SELECT id FROM users WHERE deletes_at <= ? ORDER BY deletes_at, id LIMIT ?", now.UnixMilli(), batch).Scan(&due).Error
	if err != nil {
		return 0, ended(ctx, err)
	}
	var faults []error
	for _, id := range due {
		if ctx.Err() != nil {
			return deleted, errors.Join(append(faults, ctx.Err())...)
		}
		switch err := u.deleteLeft(ctx, id); {
		case err == nil:
			deleted++
		case !errors.Is(err, identity.ErrNotFound): // who changed his mind meanwhile, or whom another server deleted
			faults = append(faults, err)
		}
	}
	return deleted, errors.Join(faults...)
}

// withRetired finds a user and all who were retired into it, and into them: their ids lead nowhere without it.
const withRetired = `WITH RECURSIVE gone (id) AS (
		SELECT id FROM users WHERE id = ?
		UNION SELECT j.retired FROM joins j JOIN gone ON j.survivor = gone.id WHERE j.undone_at IS NULL)
	SELECT id FROM gone`

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

// deleteLeft keeps the user for itself, as do all who give a user anything: they come before it and are seen, or wait and find nobody.
func (u *Users) deleteLeft(ctx context.Context, id string) error {
	return u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := u.db.heldUser(tx, id)
		if err != nil {
			return err
		}
		if !user.Leaving() || user.DeletesAt.After(now) {
			return identity.ErrNotFound
		}
		var gone []string
		if err := tx.Raw(withRetired, id).Scan(&gone).Error; err != nil {
			return err
		}
		for _, id := range gone {
			if err := u.db.lockUser(tx, id); err != nil {
				return err
			}
		}
		for _, statement := range deletions {
			if err := tx.Exec(statement, gone).Error; err != nil {
				return err
			}
		}
		for _, id := range gone {
			// gorm takes bytes right after a parenthesis for a list.
			if err := tx.Exec("INSERT INTO retired_subjects (retired_at, hash) VALUES (?, ?)", now.UnixMilli(), subjectHash(id)).Error; err != nil {
				return err
			}
			if err := recordEvent(tx, now, identity.Event{Kind: identity.EventUserDeleted, UserID: id}); err != nil {
				return err
			}
		}
		return nil
	})
}
