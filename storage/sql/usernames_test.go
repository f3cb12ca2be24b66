package sql

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// addOldUser adds a user as a server from before migration 10 does.
func addOldUser(t *testing.T, db *DB, id, name string) {
	t.Helper()
	key, err := identity.CanonicalUsername(name)
	require.NoError(t, err)
	require.NoError(t, db.write.Exec("INSERT INTO users (id, username, username_key, created_at) VALUES (?, ?, ?, 1)",
		id, name, key).Error)
}

func TestFillSkeletons(t *testing.T) { everywhere(t, fillSkeletons) }

func fillSkeletons(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	users := db.Users()
	for id, name := range map[string]string{"a": "paypal", "b": "modern", "c": "modem", "d": "a\u01c0ice",
		"e": "alice", "f": "李雷", "g": "иван", "h": "p\u0430ypal", "i": "payp\u0430l"} {
		addOldUser(t, db, id, name)
	}
	require.NoError(t, db.write.Exec("INSERT INTO users (id, created_at) VALUES ('b2', 1)").Error)

	var found []identity.Resemblance
	var lasts []string
	for after, more := "", true; more; more = after != "" {
		next, last, err := users.FillSkeletons(ctx, after, 4)
		require.NoError(t, err)
		found, after, lasts = append(found, next...), last, append(lasts, last)
	}
	require.Equal(t, []string{"d", "h", ""}, lasts)
	require.Equal(t, []identity.Resemblance{{UserID: "e", Username: "alice", OtherID: "d"},
		{UserID: "h", Username: "p\u0430ypal", OtherID: "a"}, {UserID: "i", Username: "payp\u0430l", OtherID: "h"}},
		found)
	for _, name := range []string{"mod\u0435m", "\u0430lice", "al1ce", "\u0440aypal", "И\u0412ан", "paypa1"} {
		require.ErrorIs(t, users.CheckUsername(ctx, name), identity.ErrExists, name)
	}
	for _, name := range []string{"a\u01c0ice", "paypal", "p\u0430ypal", "payp\u0430l"} {
		_, err := users.FindByUsername(ctx, name)
		require.NoError(t, err, "they can still sign in")
	}
	found, last, err := users.FillSkeletons(ctx, "", 4)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Empty(t, last)
}

// TestNamesOfAnEarlierServer: it runs beside one of this version, and stores names without skeletons.
func TestNamesOfAnEarlierServer(t *testing.T) { everywhere(t, namesOfAnEarlierServer) }

func namesOfAnEarlierServer(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	_, err = db.Users().Create(ctx, "\u0430lice", "hash")
	require.NoError(t, err)
	addOldUser(t, db, "alice", "alice")
	found, _, err := db.Users().FillSkeletons(ctx, "", 500)
	require.NoError(t, err)
	require.Len(t, found, 1)
	require.Equal(t, "alice", found[0].UserID)
}

// TestSkeletonOfAMovedName: a server from before migration 10 that merges users leaves the skeleton of a name behind.
func TestSkeletonOfAMovedName(t *testing.T) { everywhere(t, skeletonOfAMovedName) }

func skeletonOfAMovedName(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	user, err := db.Users().Create(ctx, "alice", "hash")
	require.NoError(t, err)
	require.NoError(t, db.write.Exec("UPDATE users SET username = NULL, username_key = NULL WHERE id = ?",
		user.ID).Error)
	results, err := db.Imports().Import(ctx, []identity.ImportedUser{{Username: "\u0430lice"}})
	require.NoError(t, err)
	require.Equal(t, identity.Imported, results[0].Outcome, results[0].Reason)
	require.NoError(t, db.write.Exec("UPDATE users SET username_skeleton = NULL WHERE id = ?", results[0].UserID).Error)
	found, _, err := db.Users().FillSkeletons(ctx, "", 500)
	require.NoError(t, err)
	require.Empty(t, found)
}

// TestLocksOfNamesAreDeleted needs the rows for as long as a transaction may take, and not longer.
func TestLocksOfNamesAreDeleted(t *testing.T) {
	db := openMigratedURL(t, migrated.Copy(t), 0)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	_, _, err = db.Users().FillSkeletons(t.Context(), "", 500)
	require.NoError(t, err)
	require.EqualValues(t, 1, count(t, db, "username_locks"))
	old := time.Now().Add(-2 * time.Hour).UnixMilli()
	require.NoError(t, db.write.Exec("UPDATE username_locks SET locked_at = ?", old).Error)
	_, _, err = db.Users().FillSkeletons(t.Context(), "", 500)
	require.NoError(t, err)
	require.Zero(t, count(t, db, "username_locks"))
	require.ErrorIs(t, db.Users().CheckUsername(t.Context(), "\u0430lice"), identity.ErrExists, "%s stays", user.ID)
}

// TestHashParameters: the parameters precede the salt.
func TestHashParameters(t *testing.T) { everywhere(t, hashParameters) }

func hashParameters(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	const bcrypt = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	for name, hash := range map[string]string{
		"a": "$2b$12$" + bcrypt, "b": "$2b$12$" + bcrypt, "c": "$2a$10$" + bcrypt, "d": "",
		"e": "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
		"f": "$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHRzb21lc2FsdA$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
	} {
		_, err := db.Users().Create(ctx, name, hash)
		require.NoError(t, err)
	}
	counts, err := db.Users().HashParameters(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"$2b$12$": 2, "$2a$10$": 1, "$argon2id$v=19$m=19456,t=2,p=1$": 1,
		"$argon2id$v=19$m=65536,t=3,p=4$": 1}, counts)
}

// TestHashParametersOfManyUsersAreASample: PostgreSQL would take longer than a statement may to read millions of users.
func TestHashParametersOfManyUsersAreASample(t *testing.T) {
	ctx := t.Context()
	db, _ := openPostgreSQL(t)
	_, err := db.Users().Create(ctx, "alice", "$2b$12$N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy")
	require.NoError(t, err)
	require.NoError(t, db.write.Exec(`INSERT INTO users SELECT (jsonb_populate_record(u, jsonb_build_object(
		'id', 'n' || n, 'username', 'n' || n, 'username_key', 'n' || n, 'username_skeleton', 'n' || n))).*
		FROM users u, generate_series(1, 5000) n`).Error)
	require.NoError(t, db.write.Exec("ANALYZE users").Error)
	all, err := db.Users().HashParameters(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]int{"$2b$12$": 5001}, all)
	some, err := db.Users().hashParameters(ctx, 2500)
	require.NoError(t, err)
	require.Less(t, some["$2b$12$"], 5001)
	require.Positive(t, some["$2b$12$"])
}
