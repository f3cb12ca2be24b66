package sql

import (
	"context"
	"errors"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// List implements identity.Accounts.
func (a *Accounts) List(ctx context.Context, userID string) ([]identity.Account, error) {
	if storable(userID) != nil {
		return nil, nil
	}
	return listed(a.db.read.WithContext(ctx), accountRow.account, accountsWhere("user_id = ?"), userID)
}

func accountsWhere(where string) string {
	return "SELECT * FROM accounts WHERE " + where + " ORDER BY platform, app, subject"
}

func accountsOf(db *gorm.DB, where string, values ...any) ([]accountRow, error) {
	return scanAll[accountRow](db, accountsWhere(where), values...)
}

// Link implements identity.Accounts.
func (a *Accounts) Link(ctx context.Context, userID string, e identity.ExternalIdentity) error {
	if err := checkIdentity(e); err != nil {
		return err
	}
	if storable(userID) != nil {
		return identity.ErrNotFound
	}
	return a.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if _, err := a.db.dialect.userForUpdate(tx, userID); err != nil {
			return err
		}
		account, err := findAccount(tx, e.AccountKey, "")
		switch {
		case err == nil && account.UserID == userID:
			return nil
		case err == nil:
			return identity.ErrExists
		case !errors.Is(err, identity.ErrNotFound):
			return err
		}
		return exists(linkTo(tx, now, e, userID))
	})
}

// linkTo relies on the keys of the tables to reject what a concurrent request took, and a second account at one app.
func linkTo(tx *gorm.DB, now time.Time, e identity.ExternalIdentity, userID string) error {
	owner, err := unionOwner(tx, e)
	if err != nil {
		return err
	}
	if owner != "" && owner != userID {
		return identity.ErrExists
	}
	if err := addAccount(tx, now, e, userID); err != nil {
		return err
	}
	if owner == "" && e.HasUnion() {
		if err := addUnion(tx, now, e, userID); err != nil {
			return err
		}
	}
	return recordEvent(tx, now, identity.Event{Kind: identity.EventLinked, UserID: userID,
		Detail: e.Platform + " " + e.App})
}

// Unlink implements identity.Accounts.
func (a *Accounts) Unlink(ctx context.Context, userID string, key identity.AccountKey) (taken []identity.AccountKey,
	err error) {
	if storable(userID) != nil {
		return nil, identity.ErrNotFound
	}
	err = a.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		user, err := a.db.dialect.userForUpdate(tx, userID)
		if err != nil {
			return err
		}
		rows, err := deleteAccounts(tx, userID, key)
		if err != nil {
			return err
		}
		if err := requireSignIn(tx, user); err != nil {
			return err
		}
		taken = nil // forget those of an earlier try
		for _, row := range rows {
			taken = append(taken, row.account().AccountKey)
		}
		if err := redactMerges(tx, userID); err != nil {
			return err
		}
		return endUnlinkedSessions(tx, now, userID, taken)
	})
	if err != nil {
		return nil, err
	}
	return taken, nil
}

// deleteAccounts deletes an account of a user, the other accounts of its union, and unions that no account is in any
// more.
func deleteAccounts(tx *gorm.DB, userID string, key identity.AccountKey) ([]accountRow, error) {
	account, err := findAccount(tx, key, "")
	if err != nil {
		return nil, err
	}
	if account.UserID != userID {
		return nil, identity.ErrNotFound
	}
	where, values := "platform = ? AND app = ? AND subject = ?", []any{key.Platform, key.App, key.Subject}
	if account.UnionID != "" && account.OpenPlatform != "" {
		where = "user_id = ? AND platform = ? AND open_platform = ? AND union_id = ?"
		values = []any{userID, account.Platform, account.OpenPlatform, account.UnionID}
	}
	rows, err := accountsOf(tx, where, values...)
	if err != nil {
		return nil, err
	}
	if err := tx.Exec("DELETE FROM accounts WHERE "+where, values...).Error; err != nil {
		return nil, err
	}
	return rows, dropUnions(tx, userID, key.Platform)
}

// requireSignIn returns ErrLastWayIn unless the user can still sign in.
func requireSignIn(tx *gorm.DB, user identity.User) error {
	if user.Username != "" && user.PasswordHash != "" {
		return nil
	}
	var left int64
	if err := tx.Raw("SELECT count(*) FROM accounts WHERE user_id = ?", user.ID).Scan(&left).Error; err != nil {
		return err
	}
	if left == 0 {
		return identity.ErrLastWayIn
	}
	return nil
}

// endUnlinkedSessions ends the sessions that the deleted accounts opened, also in browsers, and records an event for
// each account. The epoch grows first, as in changeAndEndSessions.
func endUnlinkedSessions(tx *gorm.DB, now time.Time, userID string, taken []identity.AccountKey) error {
	if err := nextEpoch(tx, userID); err != nil {
		return err
	}
	for _, key := range taken {
		const opened = " AND account_platform = ? AND account_app = ? AND account_subject = ?"
		if _, err := endBrowserSessions(tx, now, identity.EndedByUnlink, "user_id = ?"+opened, userID, key.Platform,
			key.App, key.Subject); err != nil {
			return err
		}
		if _, err := endSessions(tx, now, identity.EndedByUnlink, userID, opened, key.Platform, key.App,
			key.Subject); err != nil {
			return err
		}
		event := identity.Event{Kind: identity.EventUnlinked, UserID: userID, Detail: key.Platform + " " + key.App}
		if err := recordEvent(tx, now, event); err != nil {
			return err
		}
	}
	return nil
}
