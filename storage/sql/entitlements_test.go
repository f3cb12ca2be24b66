package sql

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// downTo undoes the migrations after a named one, and that one.
func downTo(t *testing.T, db *DB, name string) {
	t.Helper()
	for n := len(requireStatus(t, db, true)); n > 0; n-- {
		taken, err := db.Schema().MigrateDown(t.Context())
		require.NoError(t, err)
		if taken == name {
			return
		}
	}
	require.Fail(t, "no such migration", name)
}

func TestUsersFromBeforeTheMigrationHaveNoRoles(t *testing.T) {
	everywhere(t, usersFromBeforeTheMigrationHaveNoRoles)
}

func usersFromBeforeTheMigrationHaveNoRoles(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	user, _, err := db.Accounts().FindOrCreateUser(ctx,
		identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: "s"}})
	require.NoError(t, err)
	require.NoError(t, db.Entitlements().GrantRole(ctx, user.ID, "admin"))
	downTo(t, db, "0002_roles.sql")
	_, err = db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	found, err := db.Users().Find(ctx, user.ID)
	require.NoError(t, err)
	require.Equal(t, user, found)
	require.NoError(t, db.Entitlements().GrantRole(ctx, user.ID, "admin"))
	require.NoError(t, db.Entitlements().SetClaims(ctx, user.ID, `{"a":1}`))
	known, _, err := db.Accounts().FindOrCreateUser(ctx,
		identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: "s"}})
	require.NoError(t, err)
	require.Equal(t, []string{"admin"}, known.Roles)
	require.EqualValues(t, `{"a":1}`, known.Claims)
}

// TestRolesAreAddedWithoutWritingARow: PostgreSQL gives a table a new file when a migration rewrites all its rows.
func TestRolesAreAddedWithoutWritingARow(t *testing.T) {
	database := migrated.Copy(t)
	db, o := openMigratedURL(t, database, 0), newOperator(t, database)
	downTo(t, db, "0002_roles.sql")
	before := o.number("SELECT pg_relation_filenode('users')::bigint")
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.Equal(t, before, o.number("SELECT pg_relation_filenode('users')::bigint"))
}

func TestDamagedRolesAreAnError(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	require.NoError(t, db.write.Exec("UPDATE users SET roles = 'admin'").Error)
	_, err = db.Users().Find(t.Context(), user.ID)
	require.Error(t, err, "not a user with fewer or more roles")
	require.Error(t, (&textList{}).Scan(7))
}
