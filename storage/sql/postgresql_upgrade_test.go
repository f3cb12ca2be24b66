package sql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
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

// TestEveryExecModeOfPgx covers URLs for poolers that keep no prepared statements.
func TestEveryExecModeOfPgx(t *testing.T) {
	t.Parallel()
	for _, mode := range []string{"cache_statement", "cache_describe", "describe_exec", "exec", "simple_protocol"} {
		t.Run(mode, func(t *testing.T) {
			t.Parallel()
			db := openMigratedURL(t, with(t, migrated.Copy(t), "default_query_exec_mode", mode), 0)
			user, _, err := db.Accounts().FindOrCreateUser(t.Context(),
				identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: `s'"\`}})
			require.NoError(t, err)
			session := newSession(user)
			session.OpenedBy, session.SecretHash, session.Device = []byte{0, 0xff, '\''}, [32]byte{0, 0xff, '\\'},
				`'; DROP TABLE users; --`
			session.Account = identity.AccountKey{Platform: "p", App: "a", Subject: `s'"\`}
			opened, err := db.Sessions().Open(t.Context(), session, user.AuthEpoch, lifetimes(), 20)
			require.NoError(t, err)
			for range identity.MaxRotations + 1 {
				moved, err := db.Sessions().Rotate(t.Context(), rotated(opened), opened.Generation)
				require.NoError(t, err)
				require.True(t, moved)
				opened = rotated(opened)
			}
			found, _, err := db.Sessions().FindByOpening(t.Context(), session.OpenedBy)
			require.NoError(t, err)
			require.Equal(t, opened.Generation, found.Generation)
			require.Len(t, found.Rotations, identity.MaxRotations)
			require.Equal(t, session.SecretHash, found.SecretHash)
			require.Equal(t, session.Device, found.Device)
			require.Equal(t, session.Account, found.Account)
			client := identity.Client{ID: identity.NewClientID(), Confidential: true, SecretHash: []byte{0, 0xff},
				Grants: []string{`"a"`, "b'"}}
			require.NoError(t, db.Clients().Create(t.Context(), client))
			kept, err := db.Clients().Find(t.Context(), client.ID)
			require.NoError(t, err)
			require.Equal(t, client.Grants, kept.Grants)
			require.Equal(t, client.SecretHash, kept.SecretHash)
			for _, call := range append(calls(db, found), writes(db, found)...) {
				if !strings.HasPrefix(call.name, "Clients.") { // of another client
					require.NoError(t, call.do(t.Context()), call.name)
				}
			}
			require.EqualValues(t, 2, epoch(t, db, user.ID))
		})
	}
}
