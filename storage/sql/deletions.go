package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
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

// scheduleDeletion schedules the deletion of a user that the transaction has locked, and ends their sessions.
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

// Withdrawals implements identity.Withdrawals.
type Withdrawals struct{ db *DB }

var _ identity.Withdrawals = (*Withdrawals)(nil)

// Withdrawals returns the store of withdrawals.
func (d *Deletions) Withdrawals() *Withdrawals { return &Withdrawals{d.db} }

// Apply implements identity.Withdrawals. Of two callers with one id, the second waits for the first.
func (w *Withdrawals) Apply(ctx context.Context, id [32]byte, of identity.Withdrawal) (applied bool, err error) {
	err = w.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		result := tx.Exec("INSERT INTO withdrawals (applied_at, id) VALUES (?, ?) ON CONFLICT (id) DO NOTHING",
			now.UnixMilli(), id[:])
		if applied = result.RowsAffected > 0; !applied {
			return wrote(result)
		}
		d := withdrawing{tx: tx, dialect: w.db.dialect, now: now, Withdrawal: of,
			until: min(of.At.Add(time.Second).UnixMilli(), now.UnixMilli()+1)}
		userID, err := d.apply()
		if err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: of.Kind, UserID: userID, Detail: d.detail()})
	})
	return applied && err == nil, err
}

// withdrawing is a withdrawal that is being applied.
type withdrawing struct {
	tx      *gorm.DB
	dialect dialect
	now     time.Time
	identity.Withdrawal
	until int64    // only what is from before is affected
	done  []string // for the event
}

// detail returns what the event says.
func (d *withdrawing) detail() string {
	text := d.Account.Platform + " " + d.Account.App
	if d.What != "" {
		text += " " + d.What
	}
	if len(d.done) == 0 {
		return text + ": nothing to do"
	}
	return text + ": " + strings.Join(d.done, ", ")
}

func (d *withdrawing) did(format string, values ...any) {
	d.done = append(d.done, fmt.Sprintf(format, values...))
}

// apply returns the user of the account, or "" if it is unknown. It locks the user, so that whatever adds data to them
// runs either before or after it.
func (d *withdrawing) apply() (string, error) {
	account, err := findAccount(d.tx, d.Account, "")
	for err == nil {
		locked := account.UserID
		if err = d.dialect.lockUser(d.tx, locked); err != nil {
			return "", err
		}
		account, err = findAccount(d.tx, d.Account, "")
		if err == nil && account.UserID == locked {
			break
		}
	}
	switch {
	case errors.Is(err, identity.ErrNotFound):
		d.did("unknown user")
		return "", nil
	case err != nil:
		return "", err
	case account.CreatedAt >= d.until:
		return account.UserID, nil
	}
	if err := d.delete(account.UserID); err != nil {
		return "", err
	}
	if d.Ends {
		if err := d.endSessions(account.UserID); err != nil {
			return "", err
		}
	}
	if d.Closed {
		if err := d.close(account); err != nil {
			return "", err
		}
	}
	return account.UserID, nil
}

// delete deletes data of the user, and of those who were merged into them, since each has a profile of their own.
func (d *withdrawing) delete(userID string) error {
	const profileFrom = "coalesce(profile_at, updated_at)"
	for _, data := range []struct {
		named            bool
		name, set, where string
		from             string // when the data came
	}{
		// first, since the others change updated_at
		{d.Data.Phone, "phone number", "phone_number = '', phone_verified = FALSE, phone_seen_at = NULL",
			"phone_number <> ''", "coalesce(phone_seen_at, updated_at)"},
		{d.Data.Suggested, "profile", "nickname = '', picture = '', gender = ''",
			"NOT chosen AND (nickname <> '' OR picture <> '' OR gender <> '')", profileFrom},
		{d.Data.Nickname, "nickname", "name = CASE WHEN name = nickname THEN '' ELSE name END, nickname = ''",
			"nickname <> ''", profileFrom},
		{d.Data.Picture, "picture", "picture = ''", "picture <> ''", profileFrom},
		{d.Data.Email, "e-mail", "email = ''", "email <> ''", profileFrom},
		{d.Data.Address, "address", "address = ''", "address <> ''", profileFrom},
	} {
		if !data.named {
			continue
		}
		result := d.tx.Exec(withRetired("UPDATE profiles SET "+data.set+", profile_at = "+profileFrom+
			", updated_at = ? WHERE user_id IN (SELECT id FROM family) AND "+data.where+" AND "+data.from+" < ?"),
			userID, d.now.UnixMilli(), d.until)
		if err := wrote(result); err != nil {
			return err
		}
		if result.RowsAffected > 0 {
			d.did("deleted the %s", data.name)
		}
	}
	return nil
}

const openedBy = "account_platform = ? AND account_app = ? AND account_subject = ?"

// endSessions ends the sessions that the account opened before, also in browsers. The epoch grows first, as in
// changeAndEndSessions, so that a sign-in from before that has not opened its session yet does not.
func (d *withdrawing) endSessions(userID string) error {
	if err := nextEpoch(d.tx, userID); err != nil {
		return err
	}
	opened := []any{d.Account.Platform, d.Account.App, d.Account.Subject, d.until}
	inBrowsers, err := endBrowserSessions(d.tx, d.now, identity.EndedByPlatform, "user_id = ? AND "+openedBy+
		" AND auth_time < ?", append([]any{userID}, opened...)...)
	if err != nil {
		return err
	}
	atClients, err := endSessions(d.tx, d.now, identity.EndedByPlatform, userID, " AND "+openedBy+
		" AND auth_time < ?", opened...)
	if err == nil && inBrowsers+atClients > 0 {
		d.did("sessions ended: %d", inBrowsers+atClients)
	}
	return err
}

// close removes an account that no longer exists at the platform, with the others of its union, or schedules the
// deletion of its user if they have no other way to sign in. Then the account stays until the deletion, so that an
// operator can cancel it.
func (d *withdrawing) close(account accountRow) error {
	closed, others, err := d.split(account)
	if err != nil {
		return err
	}
	used, err := d.usedSince(closed)
	switch {
	case err != nil:
		return err
	case used:
		d.did("kept the account, which has signed in since")
		return nil
	}
	user, err := findUser(d.tx, "id", account.UserID)
	if err != nil {
		return err
	}
	if others == 0 && (user.Username == "" || user.PasswordHash == "") {
		d.did("scheduled the deletion of the user, who has no other way to sign in")
		_, err := scheduleDeletion(d.tx, d.now, user, d.Grace, false)
		return err
	}
	if _, err := deleteAccounts(d.tx, account.UserID, d.Account); err != nil {
		return err
	}
	if err := redactMerges(d.tx, account.UserID); err != nil {
		return err
	}
	d.did("accounts removed: %d", len(closed))
	return endUnlinkedSessions(d.tx, d.now, account.UserID, closed)
}

// split returns the accounts of a user that are closed together with one, since they belong to the same person at the
// platform, and how many others the user has.
func (d *withdrawing) split(account accountRow) (closed []identity.AccountKey, others int, err error) {
	rows, err := accountsOf(d.tx, "user_id = ?", account.UserID)
	for _, row := range rows {
		if row == account || row.union() == account.union() && row.UnionID != "" && row.OpenPlatform != "" {
			closed = append(closed, row.account().AccountKey)
		} else {
			others++
		}
	}
	return closed, others, err
}

// usedSince reports whether one of some accounts has opened a session since the withdrawal.
func (d *withdrawing) usedSince(accounts []identity.AccountKey) (bool, error) {
	for _, a := range accounts {
		for _, table := range []string{"sessions", "browser_sessions"} {
			var since int64
			if err := d.tx.Raw("SELECT count(*) FROM "+table+" WHERE user_id = (SELECT user_id FROM accounts WHERE "+
				"platform = ? AND app = ? AND subject = ?) AND "+openedBy+" AND auth_time >= ?", a.Platform, a.App,
				a.Subject, a.Platform, a.App, a.Subject, d.until).Scan(&since).Error; err != nil || since > 0 {
				return true, err
			}
		}
	}
	return false, nil
}

// Prune implements identity.Withdrawals.
func (w *Withdrawals) Prune(ctx context.Context, keep time.Duration, batch int) (pruned int, err error) {
	err = w.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		result := tx.Exec("DELETE FROM withdrawals WHERE id IN (SELECT id FROM withdrawals WHERE applied_at < ? "+
			"ORDER BY applied_at LIMIT ?)", now.Add(-keep).UnixMilli(), batch)
		pruned = int(result.RowsAffected)
		return wrote(result)
	})
	return pruned, err
}
