package sql

import (
	"crypto/sha256"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// moved is what a merge stores, in JSON: what it moved, and what is needed to undo it.
type moved struct {
	identity.Moved
	UsernameKey string `json:"username_key,omitempty"` // to recognize a user name that moved
	Password    []byte `json:"password,omitempty"`     // digest of the hash of the password that moved
	Own         own    `json:"own"`
}

// own is what the survivor had before, and keeps.
type own struct {
	belongings
	Password []byte `json:"password,omitempty"`
}

// digest allows comparing a password hash without storing it.
func digest(passwordHash string) []byte {
	sum := sha256.Sum256([]byte(passwordHash))
	return sum[:]
}

// Value implements driver.Valuer.
func (m moved) Value() (driver.Value, error) {
	text, err := json.Marshal(m)
	return string(text), err
}

// Scan implements sql.Scanner.
func (m *moved) Scan(value any) error {
	*m = moved{}
	switch text := value.(type) {
	case string:
		return json.Unmarshal([]byte(text), m)
	case []byte:
		return json.Unmarshal(text, m)
	}
	return fmt.Errorf("what a merge moved is stored as text, not as %T", value)
}

// redacted returns what is kept once the merge is undone: how much moved, and at which apps.
func (m moved) redacted() moved {
	m.redactExcept(belongings{})
	return moved{Moved: m.Moved}
}

// summary describes what moved, for the audit log, which must not contain openids.
func (m moved) summary() string {
	text := fmt.Sprintf("%d accounts, %d unions", len(m.Accounts), len(m.Unions))
	if m.Username {
		text += ", user name and password"
	}
	return text
}

// transfer moves those accounts and unions of m that one user has to another user, and returns what it moved.
func transfer(tx *gorm.DB, from, to string, m identity.Moved) (given identity.Moved, err error) {
	for _, a := range m.Accounts {
		result := tx.Exec("UPDATE accounts SET user_id = ? WHERE platform = ? AND app = ? AND subject = ? "+
			"AND user_id = ?",
			to, a.Platform, a.App, a.Subject, from)
		if err := wrote(result); errors.Is(err, identity.ErrExists) {
			return given, errBothAt(a.App) // added a moment ago
		} else if err != nil {
			return given, err
		}
		if result.RowsAffected > 0 {
			given.Accounts = append(given.Accounts, a)
		}
	}
	for _, u := range m.Unions {
		result := tx.Exec("UPDATE unions SET user_id = ? WHERE platform = ? AND open_platform = ? AND "+
			"union_id = ? AND user_id = ?",
			to, u.Platform, u.OpenPlatform, u.UnionID, from)
		if err := wrote(result); err != nil {
			return given, err
		}
		if result.RowsAffected > 0 {
			given.Unions = append(given.Unions, u)
		}
	}
	return given, nil
}

// errBothAt returns the error for two users who have an account at the same app.
func errBothAt(app string) error {
	return fmt.Errorf("%w: both users have an account at %q", identity.ErrExists, app)
}

// transferName moves name and password from one user to another. It first removes them from the one user,
// since a name must be unique.
func transferName(tx *gorm.DB, from userRow, to string) error {
	if err := changed(tx.Exec("UPDATE users SET username = NULL, username_key = NULL, "+
		"username_skeleton = NULL, password_hash = '' WHERE id = ?", from.ID)); err != nil {
		return err
	}
	return changed(tx.Exec("UPDATE users SET username = ?, username_key = ?, username_skeleton = ?, password_hash = ? "+
		"WHERE id = ?", from.Username, from.UsernameKey, from.UsernameSkeleton, from.PasswordHash, to))
}

// unionOwnerForUpdate returns the user of the union that e names, or "", and locks the user until the transaction
// ends. Otherwise a concurrent merge could move the union, but not the account that is about to be added.
func (d dialect) unionOwnerForUpdate(tx *gorm.DB, e identity.ExternalIdentity) (string, error) {
	owner, err := unionOwner(tx, e)
	if err != nil || owner == "" {
		return owner, err
	}
	if err := d.lockUser(tx, owner); err != nil {
		return "", err
	}
	held, err := unionOwner(tx, e)
	if err == nil && held != owner { // the union moved while this waited: start over
		err = identity.ErrExists
	}
	return owner, err
}

// belongings are the accounts and unions by which a user signs in.
type belongings struct {
	Accounts []identity.AccountKey `json:"accounts,omitempty"`
	Unions   []identity.Union      `json:"unions,omitempty"`
}

// belongingsOf returns the belongings of a user. A lock keeps them unchanged until the transaction ends.
func belongingsOf(tx *gorm.DB, lock, userID string) (b belongings, err error) {
	b.Accounts, err = scanAll[identity.AccountKey](tx,
		"SELECT platform, app, subject FROM accounts WHERE user_id = ? ORDER BY platform, app, subject"+lock, userID)
	if err != nil {
		return b, err
	}
	// After the accounts: a sign-in that has locked an account may be adding its union.
	b.Unions, err = scanAll[identity.Union](tx,
		"SELECT platform, open_platform, union_id FROM unions WHERE user_id = ? ORDER BY platform, "+
			"open_platform, union_id"+lock, userID)
	return b, err
}

// redactExcept erases the subjects and union ids that are not in has, and reports whether there were any. The
// fact that something moved, and at which app, may be kept longer.
func (m *moved) redactExcept(has belongings) (blanked bool) {
	for _, accounts := range [][]identity.AccountKey{m.Accounts, m.Own.Accounts} {
		for n, a := range accounts {
			if a.Subject != "" && !slices.Contains(has.Accounts, a) {
				accounts[n].Subject, blanked = "", true
			}
		}
	}
	for _, unions := range [][]identity.Union{m.Unions, m.Own.Unions} {
		for n, u := range unions {
			if u.UnionID != "" && !slices.Contains(has.Unions, u) {
				unions[n].UnionID, blanked = "", true
			}
		}
	}
	return blanked
}

// redactMerges erases from merges what a user no longer has. Unless a merge was undone, everything that it moved
// belongs to the last survivor.
func redactMerges(tx *gorm.DB, survivor string) error {
	rows, err := scanAll[mergeRow](tx, withRetired(
		"SELECT * FROM joins WHERE undone_at IS NULL AND survivor IN (SELECT id FROM family)"), survivor)
	if err != nil || len(rows) == 0 {
		return err
	}
	has, err := belongingsOf(tx, "", survivor)
	if err != nil {
		return err
	}
	for _, row := range rows {
		if !row.Moved.redactExcept(has) {
			continue
		}
		if err := changed(tx.Exec("UPDATE joins SET moved = ? WHERE id = ?", row.Moved, row.ID)); err != nil {
			return err
		}
	}
	return nil
}
