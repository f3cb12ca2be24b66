package sql

import (
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// link notes a union id that an account did not have. It never moves the account, and never takes a union
// from another user.
func link(tx *gorm.DB, now time.Time, s identity.Sighting, account accountRow) error {
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
func unionOwner(tx *gorm.DB, s identity.Sighting) (string, error) {
	if !s.HasUnion() {
		return "", nil
	}
	var owner string
	err := tx.Raw("SELECT user_id FROM unions WHERE platform = ? AND open_platform = ? AND union_id = ?",
		s.Platform, s.OpenPlatform, s.UnionID).Scan(&owner).Error
	return owner, err
}

func addUnion(tx *gorm.DB, now time.Time, s identity.Sighting, userID string) error {
	return tx.Exec("INSERT INTO unions (platform, open_platform, union_id, user_id, created_at) VALUES (?, ?, ?, ?, ?)",
		s.Platform, s.OpenPlatform, s.UnionID, userID, now.UnixMilli()).Error
}

// dropUnions takes the unions from a user that none of his accounts names any more: of accounts that are
// gone, or of which the platform says something else by now. Somebody may be in them, and first seen would be
// this user.
func dropUnions(tx *gorm.DB, userID, platform string) error {
	return tx.Exec(`DELETE FROM unions WHERE user_id = ? AND platform = ? AND NOT EXISTS (SELECT 1 FROM accounts a
		WHERE a.user_id = unions.user_id AND a.platform = unions.platform AND a.open_platform = unions.open_platform AND a.union_id = unions.union_id)`,
		userID, platform).Error
}

func recordConflict(tx *gorm.DB, now time.Time, userID, detail string) error {
	return recordEvent(tx, now, identity.Event{Kind: identity.EventUnionConflict, UserID: userID, Detail: detail})
}
