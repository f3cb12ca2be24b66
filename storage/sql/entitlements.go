package sql

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Entitlements implements identity.Entitlements.
type Entitlements struct{ db *DB }

var _ identity.Entitlements = (*Entitlements)(nil)

// Entitlements returns the store of roles and claims.
func (db *DB) Entitlements() *Entitlements { return &Entitlements{db} }

// roleSet is stored as a JSON array, both by gorm and by the statements that bypass it. Nearly all users have no
// roles.
type roleSet []string

const noRoles = "[]"

// Value implements driver.Valuer.
func (r roleSet) Value() (driver.Value, error) {
	if len(r) == 0 {
		return noRoles, nil
	}
	text, err := json.Marshal([]string(r))
	return string(text), err
}

// Scan implements sql.Scanner.
func (r *roleSet) Scan(value any) error {
	*r = nil
	switch text := value.(type) {
	case string:
		if text == noRoles {
			return nil
		}
		return json.Unmarshal([]byte(text), (*[]string)(r))
	case []byte:
		return r.Scan(string(text))
	}
	return fmt.Errorf("roles are stored as text, not as %T", value)
}

// GrantRole implements identity.Entitlements.
func (e *Entitlements) GrantRole(ctx context.Context, id, role string) error {
	return e.changeRoles(ctx, id, identity.EventRoleGranted, role,
		func(roles []string) []string { return append(roles, role) })
}

// RevokeRole implements identity.Entitlements.
func (e *Entitlements) RevokeRole(ctx context.Context, id, role string) error {
	return e.changeRoles(ctx, id, identity.EventRoleRevoked, role, func(roles []string) []string {
		return slices.DeleteFunc(roles, func(r string) bool { return r == role })
	})
}

// changeRoles serializes changes of a user's roles, and records an event if the roles changed.
func (e *Entitlements) changeRoles(ctx context.Context, id, kind, detail string,
	change func(roles []string) []string) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return e.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if err := e.db.dialect.lockUser(tx, id); err != nil {
			return err
		}
		user, err := findUser(tx, "id", id)
		if err != nil {
			return err
		}
		roles, err := identity.NormalizeRoles(change(slices.Clone(user.Roles)))
		if err != nil || slices.Equal(roles, user.Roles) {
			return err
		}
		if err := changed(tx.Exec("UPDATE users SET roles = ? WHERE id = ?", roleSet(roles), id)); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: kind, UserID: id, Detail: detail})
	})
}

// SetClaims implements identity.Entitlements.
func (e *Entitlements) SetClaims(ctx context.Context, id string, claims identity.Claims) error {
	if claims != "" {
		var err error
		if claims, err = identity.ParseClaims([]byte(claims)); err != nil {
			return err
		}
	}
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return e.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if err := changed(tx.Exec("UPDATE users SET claims = ? WHERE id = ?", string(claims), id)); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventClaimsSet, UserID: id})
	})
}
