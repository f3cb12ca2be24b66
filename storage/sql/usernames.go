package sql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// CheckUsername implements identity.Users.
func (u *Users) CheckUsername(ctx context.Context, username string) error {
	name, err := identity.NewUsername(username)
	if err != nil {
		return err
	}
	db := u.db.read.WithContext(ctx)
	switch _, err := findUser(db, "username_key", name.Key); {
	case err == nil:
		return identity.ErrExists
	case !errors.Is(err, identity.ErrNotFound):
		return err
	}
	return checkResemblance(db, name)
}

// reserveName returns ErrExists if a name that resembles this one is taken. Until the transaction ends, no other
// transaction can take one.
//
// There is no constraint for that: two names in ASCII may have the same skeleton, and each may resemble a third name.
// Names that resembled each other before the skeletons were stored keep their users, too.
func (d dialect) reserveName(tx *gorm.DB, now time.Time, name identity.Username) error {
	if err := d.lockSkeletons(tx, now, []string{name.Skeleton}); err != nil {
		return err
	}
	return checkResemblance(tx, name)
}

// beyondASCII returns the condition for names with characters beyond ASCII.
func beyondASCII(users string) string {
	return "octet_length(" + users + ".username_key) > length(" + users + ".username_key)"
}

func checkResemblance(db *gorm.DB, name identity.Username) error {
	query := "SELECT count(*) FROM users WHERE username_skeleton = ? AND username_key <> ?"
	if name.ASCII() {
		query += " AND " + beyondASCII("users")
	}
	var taken int // with EXISTS, PostgreSQL may read the whole table, if it expects many rows
	err := db.Raw(query, name.Skeleton, name.Key).Scan(&taken).Error
	if err == nil && taken > 0 {
		return identity.ErrExists
	}
	return ended(db.Statement.Context, err)
}

// lockSkeletons makes other transactions that take names with these skeletons wait until this one ends. In SQLite there
// is only one transaction at a time. In PostgreSQL a transaction at the level REPEATABLE READ fails if another one held
// a lock since it began, and is retried: it could not see the name. The rows must outlive such a transaction, so
// FillSkeletons deletes them an hour later.
func (d dialect) lockSkeletons(tx *gorm.DB, now time.Time, skeletons []string) error {
	if d.forUpdate == "" || len(skeletons) == 0 {
		return nil
	}
	slices.Sort(skeletons) // in one order, so that two transactions do not deadlock
	skeletons = slices.Compact(skeletons)
	values := []any{}
	for _, skeleton := range skeletons {
		values = append(values, skeleton, now.UnixMilli())
	}
	return wrote(tx.Exec("INSERT INTO username_locks (skeleton, locked_at) VALUES (?, ?)"+
		strings.Repeat(", (?, ?)", len(skeletons)-1)+
		" ON CONFLICT (skeleton) DO UPDATE SET locked_at = excluded.locked_at", values...))
}

// lockLifetime is how long the rows of username_locks are kept, which is longer than any transaction.
const lockLifetime = time.Hour

// FillSkeletons implements identity.Users.
func (u *Users) FillSkeletons(ctx context.Context, after string, limit int) (found []identity.Resemblance, last string,
	err error) {
	err = u.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		last = "" // again at each try
		if err := u.db.dialect.deleteLocks(tx, now); err != nil {
			return err
		}
		rows, err := scanAll[userRow](tx, "SELECT id, username, username_key FROM users WHERE id > ? AND "+
			"username_key IS NOT NULL AND username_skeleton IS NULL ORDER BY id LIMIT ?"+u.db.dialect.forUpdate,
			after, limit)
		if err != nil || len(rows) == 0 {
			return err
		}
		if len(rows) == limit {
			last = rows[limit-1].ID
		}
		found, err = u.db.dialect.fill(tx, now, rows)
		return err
	})
	return found, last, err
}

func (d dialect) fill(tx *gorm.DB, now time.Time, rows []userRow) ([]identity.Resemblance, error) {
	var skeletons []string
	values := []any{}
	for _, row := range rows {
		name, err := identity.UsernameOf(*row.Username)
		if err != nil { // the rules of an earlier version allowed it
			name.Skeleton = *row.UsernameKey
		}
		skeletons = append(skeletons, name.Skeleton)
		values = append(values, row.ID, *row.Username, *row.UsernameKey, name.Skeleton)
	}
	if err := d.lockSkeletons(tx, now, skeletons); err != nil {
		return nil, err
	}
	filled := "WITH filled (id, name, key, skeleton) AS (VALUES (?, ?, ?, ?)" +
		strings.Repeat(", (?, ?, ?, ?)", len(rows)-1) + ") "
	if err := wrote(tx.Exec(filled+"UPDATE users SET username_skeleton = filled.skeleton FROM filled WHERE users.id = "+
		"filled.id AND users.username_key = filled.key", values...)); err != nil {
		return nil, err
	}
	// With a join instead of a query for each name, PostgreSQL might read the whole table.
	return scanAll[identity.Resemblance](tx, filled+"SELECT * FROM (SELECT id AS user_id, name AS username, ("+
		"SELECT max(o.id || '') FROM users o WHERE o.username_skeleton = skeleton AND o.username_key IS NOT NULL AND "+
		"o.id <> filled.id AND ("+beyondASCII("o")+" OR octet_length(key) > length(key))) AS other_id FROM filled) "+
		"found WHERE other_id IS NOT NULL ORDER BY user_id", values...)
}

// deleteLocks deletes the next rows of username_locks that are older than any transaction. The second condition on the
// time is for rows that another transaction has just locked again.
func (d dialect) deleteLocks(tx *gorm.DB, now time.Time) error {
	if d.forUpdate == "" {
		return nil
	}
	old := now.Add(-lockLifetime).UnixMilli()
	return wrote(tx.Exec("DELETE FROM username_locks WHERE skeleton IN (SELECT skeleton FROM username_locks WHERE "+
		"locked_at < ? LIMIT 10000) AND locked_at < ?", old, old))
}
