package sql

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Users implements identity.Users.
type Users struct{ db *DB }

var _ identity.Users = (*Users)(nil)

// Users returns the store of users.
func (db *DB) Users() *Users { return &Users{db} }

type userRow struct {
	ID          string
	Username    *string
	UsernameKey *string
	// UsernameSkeleton is nil for a name that an earlier version stored; see FillSkeletons.
	UsernameSkeleton *string
	PasswordHash     string
	AuthEpoch        int64
	CreatedAt        int64 `gorm:"autoCreateTime:false"`
	DisabledAt       *int64
	Roles            textList
	Claims           string
	DeletesAt        *int64
	Dismissed        bool
	MergedInto       *string `gorm:"column:joined_into"`
}

func (userRow) TableName() string { return "users" }

// userColumns are in the order of targets.
const userColumns = "u.id, u.username, u.username_key, u.password_hash, u.auth_epoch, u.created_at, " +
	"u.disabled_at, u.roles, u.claims, " +
	"u.deletes_at, u.dismissed, u.joined_into"

func (r *userRow) targets() []any {
	return []any{
		&r.ID, &r.Username, &r.UsernameKey, &r.PasswordHash, &r.AuthEpoch, &r.CreatedAt, &r.DisabledAt, &r.Roles,
		&r.Claims, &r.DeletesAt, &r.Dismissed, &r.MergedInto,
	}
}

func (r userRow) user() identity.User {
	user := identity.User{
		ID: r.ID, PasswordHash: r.PasswordHash, AuthEpoch: r.AuthEpoch, CreatedAt: instant(&r.CreatedAt),
		DisabledAt: instant(r.DisabledAt),
		Claims:     identity.Claims(r.Claims), DeletesAt: instant(r.DeletesAt),
		DeletionByOperator: r.Dismissed,
	}
	if len(r.Roles) > 0 {
		user.Roles = r.Roles
	}
	if r.Username != nil {
		user.Username = *r.Username
	}
	if r.MergedInto != nil {
		user.MergedInto = *r.MergedInto
	}
	return user
}

// Find implements identity.Users.
func (u *Users) Find(ctx context.Context, id string) (identity.User, error) {
	if storable(id) != nil {
		return identity.User{}, identity.ErrNotFound
	}
	var row userRow
	err := u.db.hot.findUser.row(ctx, row.targets(), id)
	return row.user(), err
}

func findUser(db *gorm.DB, column, value string) (identity.User, error) {
	if storable(value) != nil {
		return identity.User{}, identity.ErrNotFound
	}
	var row userRow
	err := one(db.Raw("SELECT * FROM users WHERE "+column+" = ?", value), &row)
	return row.user(), err
}

// Disable implements identity.Users.
func (u *Users) Disable(ctx context.Context, id string) error {
	return u.changeAndEndSessions(ctx, id, identity.EndedByDisable, identity.EventUserDisabled,
		func(tx *gorm.DB, now time.Time) *gorm.DB {
			return tx.Exec("UPDATE users SET disabled_at = coalesce(disabled_at, ?), auth_epoch = "+
				"auth_epoch + 1 WHERE id = ?", now.UnixMilli(), id)
		})
}

// SetPassword implements identity.Users.
func (u *Users) SetPassword(ctx context.Context, id, passwordHash string) error {
	if err := storable(passwordHash); err != nil {
		return err
	}
	return u.changeAndEndSessions(ctx, id, identity.EndedByPassword, identity.EventPasswordSet,
		func(tx *gorm.DB, _ time.Time) *gorm.DB {
			return tx.Exec("UPDATE users SET password_hash = ?, auth_epoch = auth_epoch + 1 WHERE id = ? "+
				"AND joined_into IS NULL", passwordHash, id)
		})
}

// ReplacePasswordHash implements identity.Users.
func (u *Users) ReplacePasswordHash(ctx context.Context, id, old, passwordHash string) (bool, error) {
	if err := storable(passwordHash); err != nil {
		return false, err
	}
	if storable(id, old) != nil || old == "" {
		return false, nil
	}
	err := u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		err := changed(tx.Exec("UPDATE users SET password_hash = ? WHERE id = ? AND password_hash = ? AND "+
			"disabled_at IS NULL AND joined_into IS NULL",
			passwordHash, id, old))
		if err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventHashRenewed, UserID: id})
	})
	if errors.Is(err, identity.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// changeAndEndSessions changes a user and ends all the user's sessions, in one transaction. The epoch grows first: a
// session that is being opened is either there already and is ended, or fails because its epoch is outdated.
func (u *Users) changeAndEndSessions(ctx context.Context, id, reason, kind string,
	change func(*gorm.DB, time.Time) *gorm.DB) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if err := changed(change(tx, now)); err != nil {
			return err
		}
		if _, err := endAllSessions(tx, now, reason, id); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: kind, UserID: id})
	})
}

// lockUser serializes transactions that change what a user has. In SQLite there is only one at a time.
func (d dialect) lockUser(tx *gorm.DB, id string) error {
	if d.forUpdate == "" {
		return nil
	}
	return tx.Exec("SELECT 1 FROM users WHERE id = ?"+d.forUpdate, id).Error
}

// userForUpdate locks a user and returns the row, which does not change until the transaction ends. It also
// returns ErrNotFound for a user who was merged into another one, even after the caller read the user: data added
// to such a user would be unreachable, and data removed would be removed from the survivor.
func (d dialect) userForUpdate(tx *gorm.DB, id string) (identity.User, error) {
	var row userRow
	err := one(tx.Raw("SELECT * FROM users WHERE id = ? AND joined_into IS NULL"+d.forUpdate, id), &row)
	return row.user(), err
}

// Enable implements identity.Users.
func (u *Users) Enable(ctx context.Context, id string) error {
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	event := identity.Event{Kind: identity.EventUserEnabled, UserID: id}
	return withEvent(ctx, u.db, event, func(tx *gorm.DB, _ time.Time) error {
		return changed(tx.Exec("UPDATE users SET disabled_at = NULL WHERE id = ?", id))
	})
}

// List implements identity.Users.
func (u *Users) List(ctx context.Context, after string, limit int) ([]identity.User, error) {
	if err := storable(after); err != nil {
		return nil, err
	}
	return listed(u.db.read.WithContext(ctx), userRow.user, "SELECT * FROM users WHERE id > ? ORDER BY id LIMIT ?",
		after, limit)
}

// Create implements identity.Users.
func (u *Users) Create(ctx context.Context, username, passwordHash string) (identity.User, error) {
	name, err := identity.NewUsername(username)
	if err != nil {
		return identity.User{}, fmt.Errorf("cannot create the user: %w", err)
	}
	if err := storable(passwordHash); err != nil {
		return identity.User{}, err
	}
	row := userRow{ID: identity.NewUserID(), PasswordHash: passwordHash}
	row.setName(name)
	event := identity.Event{Kind: identity.EventUserCreated, UserID: row.ID}
	err = withEvent(ctx, u.db, event, func(tx *gorm.DB, now time.Time) error {
		row.CreatedAt = now.UnixMilli()
		if err := u.db.dialect.reserveName(tx, now, name); err != nil {
			return err
		}
		return addUser(tx, row)
	})
	if err != nil {
		return identity.User{}, err
	}
	return row.user(), nil
}

func (r *userRow) setName(name identity.Username) {
	r.Username, r.UsernameKey, r.UsernameSkeleton = &name.Shown, &name.Key, &name.Skeleton
}

// addUser returns ErrExists if the name is taken, or if the id is or was another user's.
func addUser(db *gorm.DB, row userRow) error {
	subject := subjectHash(row.ID)
	err := changed(db.Exec(`INSERT INTO users (id, username, username_key, username_skeleton, password_hash, created_at)
		SELECT CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS BIGINT)
		WHERE NOT EXISTS (SELECT 1 FROM retired_subjects WHERE hash = ?)`,
		row.ID, row.Username, row.UsernameKey, row.UsernameSkeleton, row.PasswordHash, row.CreatedAt, subject))
	if errors.Is(err, identity.ErrNotFound) {
		return identity.ErrExists
	}
	return err
}

// subjectHash returns the hash that is kept of a deleted user's id.
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

// SetUsername implements identity.Users.
func (u *Users) SetUsername(ctx context.Context, id, username string) error {
	name, err := identity.NewUsername(username)
	if err != nil {
		return fmt.Errorf("cannot name the user: %w", err)
	}
	if storable(id) != nil {
		return identity.ErrNotFound
	}
	return u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if _, err := u.db.dialect.userForUpdate(tx, id); err != nil {
			return err
		}
		if err := u.db.dialect.reserveName(tx, now, name); err != nil {
			return err
		}
		err := changed(tx.Exec("UPDATE users SET username = ?, username_key = ?, username_skeleton = ? WHERE id = ? "+
			"AND (username_key IS NULL OR username_key = ?)",
			name.Shown, name.Key, name.Skeleton, id, name.Key))
		if errors.Is(err, identity.ErrNotFound) { // the user exists, so it has another name
			return identity.ErrExists
		}
		if err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventUserNamed, UserID: id})
	})
}

// hashSample is about how many users HashParameters counts at most, on PostgreSQL, where statements have little time.
const hashSample = 200_000

// HashParameters implements identity.Users.
func (u *Users) HashParameters(ctx context.Context) (map[string]int, error) {
	return u.hashParameters(ctx, hashSample)
}

func (u *Users) hashParameters(ctx context.Context, most int) (map[string]int, error) {
	sample, values, err := u.sample(ctx, most)
	if err != nil {
		return nil, err
	}
	rows, err := scanAll[struct {
		Parameters string
		Users      int
	}](u.db.read.WithContext(ctx), "SELECT CASE WHEN password_hash LIKE '$2%' THEN substr(password_hash, 1, 7) ELSE "+
		"substr(password_hash, 1, "+u.db.dialect.position+"(password_hash, ',p=') + 4) END AS parameters, "+
		"count(*) AS users FROM users"+sample+" WHERE password_hash <> '' GROUP BY 1", values...)
	counts := map[string]int{}
	for _, row := range rows {
		counts[row.Parameters] = row.Users
	}
	return counts, err
}

// sample returns a suffix of "FROM users", with its values, for about as many users, chosen by pages of the table. It
// is empty if there are not more, or if the database has not counted them yet.
func (u *Users) sample(ctx context.Context, most int) (suffix string, values []any, err error) {
	if u.db.dialect.sample == "" {
		return "", nil, nil
	}
	users, err := scanAll[float64](u.db.read.WithContext(ctx),
		"SELECT reltuples FROM pg_class WHERE oid = 'users'::regclass")
	if err != nil || len(users) == 0 || users[0] <= float64(most) {
		return "", nil, err
	}
	return u.db.dialect.sample, []any{100 * float64(most) / users[0]}, nil
}

// Entitlements implements identity.Entitlements.
type Entitlements struct{ db *DB }

var _ identity.Entitlements = (*Entitlements)(nil)

// Entitlements returns the store of roles and claims.
func (db *DB) Entitlements() *Entitlements { return &Entitlements{db} }

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
		if err := changed(tx.Exec("UPDATE users SET roles = ? WHERE id = ?", textList(roles), id)); err != nil {
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
