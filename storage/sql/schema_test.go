package sql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// migrateAsNewer applies a migration of a newer version.
func migrateAsNewer(t *testing.T, db *DB, statements ...string) {
	t.Helper()
	for _, statement := range append(statements, "INSERT INTO lingpai_migrations (version_id, is_applied) VALUES "+
		"(9999, TRUE)") {
		require.NoError(t, db.write.Exec(statement).Error)
	}
}

func TestAnEmptySchemaDoesNotFit(t *testing.T) {
	t.Parallel()
	everywhere(t, func(t *testing.T, open func() *DB) {
		t.Helper()
		db := open()
		err := db.Schema().Check(t.Context())
		require.ErrorIs(t, err, ErrSchema)
		require.ErrorContains(t, err, "lingpai migrate up")
		_, err = db.Schema().MigrateUp(t.Context())
		require.NoError(t, err)
		require.NoError(t, db.Schema().Check(t.Context()))
		unknown, err := db.Schema().Unknown(t.Context())
		require.NoError(t, err)
		require.Empty(t, unknown)
	})
}

func TestANewerSchemaThatOnlyAdds(t *testing.T) {
	t.Parallel()
	everywhere(t, aNewerSchemaThatOnlyAdds)
}

// aNewerSchemaThatOnlyAdds uses a server that runs while a newer version migrates, and one that starts afterwards.
func aNewerSchemaThatOnlyAdds(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	session := signIn(t, db, "alice")
	migrateAsNewer(t, db, "ALTER TABLE users ADD COLUMN newer TEXT", "ALTER TABLE sessions ADD COLUMN newer INTEGER "+
		"NOT NULL DEFAULT 0", "CREATE TABLE newer (id TEXT)")
	for _, server := range []*DB{db, open()} {
		require.NoError(t, server.Schema().Check(ctx))
		for _, call := range calls(server, session) {
			if !strings.HasPrefix(call.name, "Apps.") { // they need a master key
				require.NoError(t, call.do(ctx), call.name)
			}
		}
	}
	unknown, err := db.Schema().Unknown(ctx)
	require.NoError(t, err)
	require.Len(t, unknown, 1)
	require.Equal(t, "9999", unknown[0].Name)
	require.True(t, unknown[0].Unknown)
	require.False(t, unknown[0].AppliedAt.IsZero())
	status, err := db.Schema().Status(ctx)
	require.NoError(t, err)
	require.Equal(t, unknown[0], status[len(status)-1])

	applied, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err, "so that a deployment of the older version goes on")
	require.Empty(t, applied)
	_, err = db.Schema().MigrateDown(ctx)
	require.ErrorIs(t, err, ErrSchema)
	require.ErrorContains(t, err, "undo it with that version")
	after, err := db.Schema().Status(ctx)
	require.NoError(t, err)
	require.Equal(t, status, after, "nothing was undone")
}

func TestANewerSchemaThatChanges(t *testing.T) {
	t.Parallel()
	everywhere(t, aNewerSchemaThatChanges)
}

func aNewerSchemaThatChanges(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	migrateAsNewer(t, db)
	for _, mark := range []string{"UPDATE marks SET value = '9999' WHERE name = 'oldest_program'",
		"UPDATE marks SET value = 'damaged' WHERE name = 'oldest_program'",
		"DELETE FROM marks WHERE name = 'oldest_program'"} {
		require.NoError(t, db.Schema().Check(ctx))
		require.NoError(t, db.write.Exec(mark).Error)
		err := db.Schema().Check(ctx)
		require.ErrorIs(t, err, ErrSchema)
		require.ErrorContains(t, err, "a newer version (9999, this one knows ")
		require.NotContains(t, err.Error(), "migrate up")
		require.Equal(t, err, errorOf(db.Schema().MigrateUp(ctx)))
		require.NoError(t, db.Marks().Mark(ctx, oldestProgram, "13"))
	}
}
