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

// moved is what a merge remembers, in JSON: what it moved, and what must be known to take it back.
type moved struct {
	identity.Moved
	UsernameKey string `json:"username_key,omitempty"` // by which a name that moved is known again
	Password    []byte `json:"password,omitempty"`     // likewise the password that moved with it: a digest of its hash
	Own         own    `json:"own"`
}

// own is what the survivor had before, which stays his.
type own struct {
	belongings
	Password []byte `json:"password,omitempty"`
}

// digest lets a hash be known again by who may not know it.
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

// parted is what is left of it when the merge was undone: how much moved, and at which apps.
func (m moved) parted() moved {
	m.keepOnly(belongings{})
	return moved{Moved: m.Moved}
}

// summary tells of it in the audit log, where no openid belongs.
func (m moved) summary() string {
	text := fmt.Sprintf("%d accounts, %d unions", len(m.Accounts), len(m.Unions))
	if m.Username {
		text += ", user name and password"
	}
	return text
}

// hand gives one user what another one has of what is named, and returns what that was.
func hand(tx *gorm.DB, from, to string, m identity.Moved) (given identity.Moved, err error) {
	for _, a := range m.Accounts {
		result := tx.Exec("UPDATE accounts SET user_id = ? WHERE platform = ? AND app = ? AND subject = ? "+
			"AND user_id = ?",
			to, a.Platform, a.App, a.Subject, from)
		if err := wrote(result); errors.Is(err, identity.ErrExists) {
			return given, bothAt(a.App) // since a moment ago
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

// bothAt says that two users are two at an app.
func bothAt(app string) error {
	return fmt.Errorf("%w: both users have an account at %q", identity.ErrExists, app)
}

// handName gives a user another one's name and password, which he loses first: a name is nobody's twice.
func handName(tx *gorm.DB, from userRow, to string) error {
	if err := changed(tx.Exec("UPDATE users SET username = NULL, username_key = NULL, password_hash = '' "+
		"WHERE id = ?", from.ID)); err != nil {
		return err
	}
	return changed(tx.Exec("UPDATE users SET username = ?, username_key = ?, password_hash = ? WHERE id = ?",
		from.Username, from.UsernameKey, from.PasswordHash, to))
}

// heldOwner returns the user of a sighting's union, or "", and holds him until the transaction is over: a
// join that came between would take the union along, and not the account that is about to be added.
func (d dialect) heldOwner(tx *gorm.DB, s identity.ExternalIdentity) (string, error) {
	owner, err := unionOwner(tx, s)
	if err != nil || owner == "" {
		return owner, err
	}
	if err := d.lockUser(tx, owner); err != nil {
		return "", err
	}
	held, err := unionOwner(tx, s)
	if err == nil && held != owner { // who waited starts over
		err = identity.ErrExists
	}
	return owner, err
}

// belongings are what leads to a user.
type belongings struct {
	Accounts []identity.AccountKey `json:"accounts,omitempty"`
	Unions   []identity.Union      `json:"unions,omitempty"`
}

// belongingsOf finds them. A lock keeps them as they are until the transaction is over.
func belongingsOf(tx *gorm.DB, lock, userID string) (b belongings, err error) {
	b.Accounts, err = scanAll[identity.AccountKey](tx,
		"SELECT platform, app, subject FROM accounts WHERE user_id = ? ORDER BY platform, app, subject"+lock, userID)
	if err != nil {
		return b, err
	}
	// After the accounts: a sign-in that holds one of them may be adding its union.
	b.Unions, err = scanAll[identity.Union](tx,
		"SELECT platform, open_platform, union_id FROM unions WHERE user_id = ? ORDER BY platform, "+
			"open_platform, union_id"+lock, userID)
	return b, err
}

// keepOnly blanks out who is meant, of all that is not among what somebody has. That it moved, and at which
// app, may be told of longer.
func (m *moved) keepOnly(has belongings) (blanked bool) {
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

// forget keeps joins from remembering what a user has no more. Whatever moved by a merge that holds is with
// the last survivor.
func forget(tx *gorm.DB, survivor string) error {
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
		if !row.Moved.keepOnly(has) {
			continue
		}
		if err := changed(tx.Exec("UPDATE joins SET moved = ? WHERE id = ?", row.Moved, row.ID)); err != nil {
			return err
		}
	}
	return nil
}
