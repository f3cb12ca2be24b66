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

// Accounts returns the accounts of the database's users.
func (db *DB) Accounts() *Accounts { return &Accounts{db} }

// maxSightingTries bounds how often a sighting starts over because another one made the same rows.
const maxSightingTries = 5

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

// settled says whether the account's row tells all that a sighting does, so that nothing needs to be written.
func (r accountRow) settled(s identity.ExternalIdentity) bool {
	return s.UnionID == "" || r.UnionID == s.UnionID && r.OpenPlatform == s.OpenPlatform
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
func (a *Accounts) FindOrCreateUser(ctx context.Context, s identity.ExternalIdentity) (identity.User, bool, error) {
	if err := validSighting(s); err != nil {
		return identity.User{}, false, err
	}
	if user, err := a.knownUser(ctx, s); !errors.Is(err, identity.ErrNotFound) {
		return user, false, err
	}
	var user identity.User
	var created bool
	for range maxSightingTries {
		err := a.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
			var err error
			user, created, err = a.see(tx, now, s)
			return exists(err)
		})
		if !errors.Is(err, identity.ErrExists) {
			return user, created, err
		}
	}
	return identity.User{}, false, errors.New("the account is being changed over and over")
}

func validSighting(s identity.ExternalIdentity) error {
	if s.Platform == "" || s.App == "" || s.Subject == "" {
		return errors.New("an account needs platform, app and subject")
	}
	return storable(s.Platform, s.App, s.Subject, s.UnionID, s.OpenPlatform)
}

const knownUser = "SELECT " + userColumns + `, a.union_id, a.open_platform FROM accounts a JOIN users u
	ON u.id = a.user_id
	WHERE a.platform = ? AND a.app = ? AND a.subject = ?`

// knownUser is the way of almost every sign-in: the account is there, its union too, and nothing is written.
func (a *Accounts) knownUser(ctx context.Context, s identity.ExternalIdentity) (identity.User, error) {
	var user userRow
	var account accountRow
	err := a.db.hot.knownUser.row(ctx, append(user.targets(), &account.UnionID, &account.OpenPlatform),
		s.Platform, s.App, s.Subject)
	if err == nil && !account.settled(s) {
		err = identity.ErrNotFound
	}
	return user.user(), err
}

// see writes what a sighting tells that is new. It keeps the account's user for itself, so that a conflict is
// told of once, and nobody takes the account or its union away meanwhile. ErrExists: somebody did, and it is
// to start over.
func (a *Accounts) see(tx *gorm.DB, now time.Time, s identity.ExternalIdentity) (identity.User, bool, error) {
	seen, err := findAccount(tx, s.AccountKey, "")
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return a.firstSight(tx, now, s)
	case err != nil:
		return identity.User{}, false, err
	}
	if err := a.db.words.lockUser(tx, seen.UserID); err != nil {
		return identity.User{}, false, err
	}
	account, err := findAccount(tx, s.AccountKey, a.db.words.forUpdate)
	switch {
	case errors.Is(err, identity.ErrNotFound) || err == nil && account.UserID != seen.UserID:
		return identity.User{}, false, identity.ErrExists
	case err != nil:
		return identity.User{}, false, err
	}
	if !account.settled(s) {
		if err := link(tx, now, s, account); err != nil {
			return identity.User{}, false, err
		}
	}
	user, err := findUser(tx, "id", account.UserID)
	return user, false, err
}

// firstSight gives a new account to the user of its union, or to a new one.
func (a *Accounts) firstSight(tx *gorm.DB, now time.Time, s identity.ExternalIdentity) (identity.User, bool, error) {
	owner, err := a.db.words.heldOwner(tx, s)
	if err != nil {
		return identity.User{}, false, err
	}
	if owner != "" {
		var taken int64
		if err := tx.Raw("SELECT count(*) FROM accounts WHERE user_id = ? AND platform = ? AND app = ?", owner,
			s.Platform, s.App).Scan(&taken).Error; err != nil {
			return identity.User{}, false, err
		}
		if taken == 0 {
			if err := addAccount(tx, now, s, owner); err != nil {
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
	if err := addAccount(tx, now, s, row.ID); err != nil {
		return identity.User{}, false, err
	}
	switch {
	case owner != "":
		err = recordConflict(tx, now, row.ID, fmt.Sprintf("%s has another account at %s already", owner, s.App))
	case s.HasUnion():
		err = addUnion(tx, now, s, row.ID)
	}
	return row.user(), true, err
}

func addAccount(tx *gorm.DB, now time.Time, s identity.ExternalIdentity, userID string) error {
	row := accountRow{
		Platform: s.Platform, App: s.App, Subject: s.Subject, UserID: userID, UnionID: s.UnionID,
		OpenPlatform: s.OpenPlatform, CreatedAt: now.UnixMilli(),
	}
	return tx.Create(&row).Error
}

// accountPage is how many accounts are read at once.
const accountPage = 1000

// Each calls do for every account at a platform, in the order of their keys. What is added meanwhile
// may be missed.
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

// link notes a union id that an account did not have. It never moves the account, and never takes a union
// from another user.
func link(tx *gorm.DB, now time.Time, s identity.ExternalIdentity, account accountRow) error {
	owner, err := unionOwner(tx, s)
	if err != nil {
		return err
	}
	switch {
	case account.UnionID != "" && account.OpenPlatform == s.OpenPlatform:
		err = recordConflict(tx, now, account.UserID, "the union id of an account at "+s.App+" changed")
	case owner == "" && s.HasUnion():
		err = addUnion(tx, now, s, account.UserID)
	case owner != "" && owner != account.UserID:
		err = recordConflict(tx, now, account.UserID, "the union id of an account at "+s.App+" belongs to "+owner)
	}
	if err != nil {
		return err
	}
	// Also after a conflict, so that it is told once and not at every sign-in.
	return tx.Exec("UPDATE accounts SET union_id = ?, open_platform = ? WHERE platform = ? AND app = ? AND subject = ?",
		s.UnionID, s.OpenPlatform, s.Platform, s.App, s.Subject).Error
}

// unionOwner returns the user of a sighting's union, or "".
func unionOwner(tx *gorm.DB, s identity.ExternalIdentity) (string, error) {
	if !s.HasUnion() {
		return "", nil
	}
	var owner string
	err := tx.Raw("SELECT user_id FROM unions WHERE platform = ? AND open_platform = ? AND union_id = ?",
		s.Platform, s.OpenPlatform, s.UnionID).Scan(&owner).Error
	return owner, err
}

func addUnion(tx *gorm.DB, now time.Time, s identity.ExternalIdentity, userID string) error {
	return tx.Exec("INSERT INTO unions (platform, open_platform, union_id, user_id, created_at) VALUES (?, ?, ?, ?, ?)",
		s.Platform, s.OpenPlatform, s.UnionID, userID, now.UnixMilli()).Error
}

// dropUnions takes the unions from a user that none of his accounts names any more: of accounts that are
// gone, or of which the platform says something else by now. Somebody may be in them, and first seen would be
// this user.
func dropUnions(tx *gorm.DB, userID, platform string) error {
	return tx.Exec(`DELETE FROM unions WHERE user_id = ? AND platform = ? AND NOT EXISTS (SELECT 1 FROM accounts a
		WHERE a.user_id = unions.user_id AND a.platform = unions.platform
			AND a.open_platform = unions.open_platform AND a.union_id = unions.union_id)`,
		userID, platform).Error
}

func recordConflict(tx *gorm.DB, now time.Time, userID, detail string) error {
	return recordEvent(tx, now, identity.Event{Kind: identity.EventUnionConflict, UserID: userID, Detail: detail})
}
