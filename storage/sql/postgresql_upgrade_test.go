package sql

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// TestNewColumnsDoNotBreakCompiledStatements simulates servers of this version while the next version migrates.
// PostgreSQL rejects statements that were compiled for a table that has changed.
func TestNewColumnsDoNotBreakCompiledStatements(t *testing.T) {
	database := migrated.Copy(t)
	db := openMigratedURL(t, database, 2)
	o := newOperator(t, database)
	session := signIn(t, db, "alice")
	for round := range 2 {
		for _, call := range calls(db, session) {
			require.NoError(t, call.do(t.Context()), call.name)
		}
		found, _, err := db.Sessions().Find(t.Context(), session.ID)
		require.NoError(t, err)
		require.EqualValues(t, 1, found.Generation)
		if round == 0 {
			for _, table := range allTables {
				o.do("ALTER TABLE " + table + " ADD COLUMN newer text")
			}
		}
	}
}
