package sql

import (
	"slices"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

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

// forget keeps joins from remembering what a user has no more. Whatever moved by a join that holds is with
// the last survivor.
func forget(tx *gorm.DB, survivor string) error {
	rows, err := scanAll[joinRow](tx, withRetired(
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
