package sql

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Create implements identity.Users.
func (u *Users) Create(ctx context.Context, username, passwordHash string) (identity.User, error) {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		return identity.User{}, fmt.Errorf("cannot create the user: %w", err)
	}
	if err := storable(passwordHash); err != nil {
		return identity.User{}, err
	}
	shown := identity.DisplayUsername(username)
	now, err := u.db.Clock(ctx)
	if err != nil {
		return identity.User{}, err
	}
	row := userRow{ID: identity.NewUserID(), Username: &shown, UsernameKey: &canonical, PasswordHash: passwordHash,
		CreatedAt: now.UnixMilli()}
	if err := addUser(u.db.write.WithContext(ctx), row); err != nil {
		return identity.User{}, err
	}
	return row.user(), nil
}

// addUser returns ErrExists if the name is taken, or if the id ever was somebody else's.
func addUser(db *gorm.DB, row userRow) error {
	subject := subjectHash(row.ID)
	err := changed(db.Exec(`INSERT INTO users (id, username, username_key, password_hash, created_at)
		SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT)
		WHERE NOT EXISTS (SELECT 1 FROM retired_subjects WHERE hash = ?)`,
		row.ID, row.Username, row.UsernameKey, row.PasswordHash, row.CreatedAt, subject))
	if errors.Is(err, identity.ErrNotFound) {
		return identity.ErrExists
	}
	return err
}

// subjectHash is what is left of the id of a user who is gone.
func subjectHash(id string) []byte {
	hash := sha256.Sum256([]byte(id))
	return hash[:]
}

// FindByUsername implements identity.Users.
func (u *Users) FindByUsername(ctx context.Context, username string) (identity.User, error) {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		return identity.User{}, identity.ErrNotFound
	}
	return findUser(u.db.read.WithContext(ctx), "username_key", canonical)
}

// Name implements identity.Users.
func (u *Users) Name(ctx context.Context, id, username string) error {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		return fmt.Errorf("cannot name the user: %w", err)
	}
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	shown := identity.DisplayUsername(username)
	return u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if _, err := u.db.words.heldUser(tx, id); err != nil {
			return err
		}
		err := changed(tx.Exec("UPDATE users SET username = ?, username_key = ? WHERE id = ? AND "+
			"(username_key IS NULL OR username_key = ?)",
			shown, canonical, id, canonical))
		if errors.Is(err, identity.ErrNotFound) { // but he is there, so he has another name
			return identity.ErrExists
		}
		if err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventUserNamed, UserID: id})
	})
}
