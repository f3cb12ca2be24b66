package sql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Accounts implements identity.Accounts.
type Accounts struct{ db *DB }

var _ identity.Accounts = (*Accounts)(nil)

// Accounts returns the store of accounts.
func (db *DB) Accounts() *Accounts { return &Accounts{db} }

// maxSignInTries limits how often a sign-in is retried because a concurrent one created the same rows.
const maxSignInTries = 5

type accountRow struct {
	Platform     string
	App          string
	Subject      string
	UserID       string
	UnionID      string
	OpenPlatform string
	CreatedAt    int64 `gorm:"autoCreateTime:false"`
}

func (accountRow) TableName() string { return "accounts" }

func (r accountRow) account() identity.Account {
	key := identity.AccountKey{Platform: r.Platform, App: r.App, Subject: r.Subject}
	return identity.Account{AccountKey: key, UserID: r.UserID, UnionID: r.UnionID, CreatedAt: instant(&r.CreatedAt)}
}

func (r accountRow) union() identity.Union {
	return identity.Union{Platform: r.Platform, OpenPlatform: r.OpenPlatform, UnionID: r.UnionID}
}

// upToDate reports whether the account's row has everything that the platform reported. Then nothing needs to be
// written.
func (r accountRow) upToDate(e identity.ExternalIdentity) bool {
	return e.UnionID == "" || r.UnionID == e.UnionID && r.OpenPlatform == e.OpenPlatform
}

// Find implements identity.Accounts.
func (a *Accounts) Find(ctx context.Context, key identity.AccountKey) (identity.Account, error) {
	row, err := findAccount(a.db.read.WithContext(ctx), key, "")
	if err != nil {
		return identity.Account{}, err
	}
	return row.account(), nil
}

func findAccount(db *gorm.DB, key identity.AccountKey, lock string) (accountRow, error) {
	var row accountRow
	if storable(key.Platform, key.App, key.Subject) != nil {
		return row, identity.ErrNotFound
	}
	err := one(db.Raw("SELECT * FROM accounts WHERE platform = ? AND app = ? AND subject = ?"+lock, key.Platform,
		key.App, key.Subject), &row)
	return row, err
}

// FindByUser implements identity.Accounts.
func (a *Accounts) FindByUser(ctx context.Context, userID, platform, app string) (identity.Account, error) {
	if storable(userID, platform, app) != nil {
		return identity.Account{}, identity.ErrNotFound
	}
	var row accountRow
	err := one(a.db.read.WithContext(ctx).Raw(
		"SELECT * FROM accounts WHERE user_id = ? AND platform = ? AND app = ?", userID, platform, app), &row)
	if err != nil {
		return identity.Account{}, err
	}
	return row.account(), nil
}

// FindOrCreateUser implements identity.Accounts.
func (a *Accounts) FindOrCreateUser(ctx context.Context, e identity.ExternalIdentity) (identity.User, bool, error) {
	if err := checkIdentity(e); err != nil {
		return identity.User{}, false, err
	}
	if user, err := a.knownUser(ctx, e); !errors.Is(err, identity.ErrNotFound) {
		return user, false, err
	}
	var user identity.User
	var created bool
	for range maxSignInTries {
		err := a.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
			var err error
			user, created, err = a.updateAccount(tx, now, e)
			return exists(err)
		})
		if !errors.Is(err, identity.ErrExists) {
			return user, created, err
		}
	}
	return identity.User{}, false, errors.New("the account keeps changing")
}

func checkIdentity(e identity.ExternalIdentity) error {
	if e.Platform == "" || e.App == "" || e.Subject == "" {
		return errors.New("an account needs platform, app and subject")
	}
	return storable(e.Platform, e.App, e.Subject, e.UnionID, e.OpenPlatform)
}

const knownUser = "SELECT " + userColumns + `, a.union_id, a.open_platform FROM accounts a JOIN users u
	ON u.id = a.user_id
	WHERE a.platform = ? AND a.app = ? AND a.subject = ?`

// knownUser serves almost every sign-in: the account and its union are stored already, and nothing is written.
func (a *Accounts) knownUser(ctx context.Context, e identity.ExternalIdentity) (identity.User, error) {
	var user userRow
	var account accountRow
	err := a.db.hot.knownUser.row(ctx, append(user.targets(), &account.UnionID, &account.OpenPlatform),
		e.Platform, e.App, e.Subject)
	if err == nil && !account.upToDate(e) {
		err = identity.ErrNotFound
	}
	return user.user(), err
}

// updateAccount writes what is new in e. It locks the account's user, so that a conflict is recorded once and no
// concurrent request takes the account or its union. It returns ErrExists if one did before the lock; the caller then
// starts over.
func (a *Accounts) updateAccount(tx *gorm.DB, now time.Time, e identity.ExternalIdentity) (identity.User, bool, error) {
	found, err := findAccount(tx, e.AccountKey, "")
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return a.createAccount(tx, now, e)
	case err != nil:
		return identity.User{}, false, err
	}
	if err := a.db.dialect.lockUser(tx, found.UserID); err != nil {
		return identity.User{}, false, err
	}
	account, err := findAccount(tx, e.AccountKey, a.db.dialect.forUpdate)
	switch {
	case errors.Is(err, identity.ErrNotFound) || err == nil && account.UserID != found.UserID:
		return identity.User{}, false, identity.ErrExists
	case err != nil:
		return identity.User{}, false, err
	}
	if !account.upToDate(e) {
		if err := link(tx, now, e, account); err != nil {
			return identity.User{}, false, err
		}
	}
	user, err := findUser(tx, "id", account.UserID)
	return user, false, err
}

// createAccount adds an account to the user of its union, or to a new user.
func (a *Accounts) createAccount(tx *gorm.DB, now time.Time, e identity.ExternalIdentity) (identity.User, bool, error) {
	owner, err := a.db.dialect.unionOwnerForUpdate(tx, e)
	if err != nil {
		return identity.User{}, false, err
	}
	if owner != "" {
		var taken int64
		if err := tx.Raw("SELECT count(*) FROM accounts WHERE user_id = ? AND platform = ? AND app = ?", owner,
			e.Platform, e.App).Scan(&taken).Error; err != nil {
			return identity.User{}, false, err
		}
		if taken == 0 {
			if err := addAccount(tx, now, e, owner); err != nil {
				return identity.User{}, false, err
			}
			user, err := findUser(tx, "id", owner)
			return user, false, err
		}
	}
	row := userRow{ID: identity.NewUserID(), CreatedAt: now.UnixMilli()}
	if err := addUser(tx, row); err != nil {
		return identity.User{}, false, err
	}
	if err := addAccount(tx, now, e, row.ID); err != nil {
		return identity.User{}, false, err
	}
	switch {
	case owner != "":
		err = recordConflict(tx, now, row.ID, fmt.Sprintf("%s has another account at %s already", owner, e.App))
	case e.HasUnion():
		err = addUnion(tx, now, e, row.ID)
	}
	return row.user(), true, err
}

func addAccount(tx *gorm.DB, now time.Time, e identity.ExternalIdentity, userID string) error {
	row := accountRow{
		Platform: e.Platform, App: e.App, Subject: e.Subject, UserID: userID, UnionID: e.UnionID,
		OpenPlatform: e.OpenPlatform, CreatedAt: now.UnixMilli(),
	}
	return tx.Create(&row).Error
}

// accountPage is how many accounts one query reads.
const accountPage = 1000

// Each calls do for every account at a platform, ordered by their keys. It may miss accounts that are added in the
// meantime.
func (a *Accounts) Each(ctx context.Context, platform string, do func(identity.AccountKey) error) error {
	after := accountRow{}
	for {
		var rows []accountRow
		err := a.db.read.WithContext(ctx).Raw(`SELECT app, subject FROM accounts WHERE platform = ?
			AND (app, subject) > (?, ?)
			ORDER BY app, subject LIMIT ?`, platform, after.App, after.Subject, accountPage).Scan(&rows).Error
		if err != nil {
			return ended(ctx, err)
		}
		for _, row := range rows {
			if err := do(identity.AccountKey{Platform: platform, App: row.App, Subject: row.Subject}); err != nil {
				return err
			}
		}
		if len(rows) < accountPage {
			return nil
		}
		after = rows[len(rows)-1]
	}
}

// link stores a union id that an account did not have. It never moves the account, and never takes a union from
// another user.
func link(tx *gorm.DB, now time.Time, e identity.ExternalIdentity, account accountRow) error {
	owner, err := unionOwner(tx, e)
	if err != nil {
		return err
	}
	switch {
	case account.UnionID != "" && account.OpenPlatform == e.OpenPlatform:
		err = recordConflict(tx, now, account.UserID, "the union id of an account at "+e.App+" changed")
	case owner == "" && e.HasUnion():
		err = addUnion(tx, now, e, account.UserID)
	case owner != "" && owner != account.UserID:
		err = recordConflict(tx, now, account.UserID, "the union id of an account at "+e.App+" belongs to "+owner)
	}
	if err != nil {
		return err
	}
	// This is done even after a conflict, so that the conflict is recorded once and not at every
	// sign-in.
	return tx.Exec("UPDATE accounts SET union_id = ?, open_platform = ? WHERE platform = ? AND app = ? AND subject = ?",
		e.UnionID, e.OpenPlatform, e.Platform, e.App, e.Subject).Error
}

// unionOwner returns the user of the union that e names, or "".
func unionOwner(tx *gorm.DB, e identity.ExternalIdentity) (string, error) {
	if !e.HasUnion() {
		return "", nil
	}
	var owner string
	err := tx.Raw("SELECT user_id FROM unions WHERE platform = ? AND open_platform = ? AND union_id = ?",
		e.Platform, e.OpenPlatform, e.UnionID).Scan(&owner).Error
	return owner, err
}

func addUnion(tx *gorm.DB, now time.Time, e identity.ExternalIdentity, userID string) error {
	return tx.Exec("INSERT INTO unions (platform, open_platform, union_id, user_id, created_at) VALUES (?, ?, ?, ?, ?)",
		e.Platform, e.OpenPlatform, e.UnionID, userID, now.UnixMilli()).Error
}

// dropUnions removes the unions that no account of a user is in any more, because the account is gone or the platform
// now reports another union for it. Otherwise another person in such a union would be signed in as this user.
func dropUnions(tx *gorm.DB, userID, platform string) error {
	return tx.Exec(`DELETE FROM unions WHERE user_id = ? AND platform = ? AND NOT EXISTS (SELECT 1 FROM accounts a
		WHERE a.user_id = unions.user_id AND a.platform = unions.platform
			AND a.open_platform = unions.open_platform AND a.union_id = unions.union_id)`,
		userID, platform).Error
}

func recordConflict(tx *gorm.DB, now time.Time, userID, detail string) error {
	return recordEvent(tx, now, identity.Event{Kind: identity.EventUnionConflict, UserID: userID, Detail: detail})
}
