package sql

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/stretchr/testify/require"
	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// allTables lists the tables that stores write.
var allTables = []string{"users", "accounts", "unions", "sessions", "clients", "apps", "events", "keys",
	"marks", "profiles", "phone_uses",
	"joins", "retired_subjects", "username_locks", "browser_sessions", "consents"}

// undo makes PostgreSQL roll back the given number of writes to some tables, as it does after a conflict. A sequence
// counts them, since rolling back does not reset it.
func (o operator) undo(times int, code string, tables ...string) {
	o.t.Helper()
	statements := []string{"CREATE SEQUENCE IF NOT EXISTS undone", "ALTER SEQUENCE undone RESTART",
		fmt.Sprintf(`CREATE OR REPLACE FUNCTION undo() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF nextval('undone') <= %d THEN RAISE EXCEPTION 'undone' USING ERRCODE = '%s'; END IF; RETURN NULL; END $$`,
			times, code)}
	for _, table := range allTables {
		statements = append(statements, "DROP TRIGGER IF EXISTS undo ON "+table)
	}
	for _, table := range tables {
		statements = append(statements, "CREATE TRIGGER undo AFTER INSERT OR UPDATE OR DELETE ON "+table+
			" FOR EACH STATEMENT EXECUTE FUNCTION undo()")
	}
	o.do(strings.Join(statements, ";"))
}

// content returns the rows of all tables.
func (o operator) content() (content map[string]string) {
	o.t.Helper()
	content = map[string]string{}
	for _, table := range allTables {
		var text string
		query := "SELECT coalesce(string_agg(row::text, E'\\n' ORDER BY row::text), '') FROM " + table + " AS row"
		require.NoError(o.t, o.connection.QueryRow(o.t.Context(), query).Scan(&text))
		content[table] = text
	}
	return content
}

// writes returns calls that write, each for one use.
func writes(db *DB, session identity.Session) []call {
	writeNothing := []string{"Sessions.EndSince", "BrowserSessions.Touch", "BrowserSessions.Prune"}
	all := slices.DeleteFunc(calls(db, session)[firstWrite:],
		func(c call) bool { return slices.Contains(writeNothing, c.name) })
	browser := newBrowserSession(session.UserID)
	return append(all, []call{
		{"BrowserSessions.Open, for the next one", func(ctx context.Context) error {
			return errorOf(db.BrowserSessions().Open(ctx, browser, lifetimes(), ""))
		}},
		{"BrowserSessions.End", func(ctx context.Context) error {
			return errorOf(db.BrowserSessions().End(ctx, browser.ID, identity.EndedByUser, true))
		}},
		{"Clients.Update", func(ctx context.Context) error {
			return db.Clients().Update(ctx, identity.Client{ID: session.ClientID, Name: "updated"})
		}},
		{"Clients.Disable", func(ctx context.Context) error { return db.Clients().Disable(ctx, session.ClientID) }},
		{"Clients.SetSecret", func(ctx context.Context) error {
			return db.Clients().SetSecret(ctx, session.ClientID, []byte("hash"), 0)
		}},
		{"Clients.SetRefreshKeys", func(ctx context.Context) error {
			return db.Clients().SetRefreshKeys(ctx, session.ClientID, true)
		}},
		{"Sessions.End", func(ctx context.Context) error {
			return errorOf(db.Sessions().End(ctx, session.ID, identity.EndedByClient))
		}},
		{"Sessions.EndSince", func(ctx context.Context) error { // the one that Sessions.Open opened
			return errorOf(db.Sessions().EndSince(ctx, time.Now().Add(-time.Hour), identity.EndedByOperator))
		}},
		{"Consents.Withdraw", func(ctx context.Context) error {
			return errorOf(db.Consents().Withdraw(ctx, session.UserID, "client"))
		}},
		{"Users.Disable", func(ctx context.Context) error { return db.Users().Disable(ctx, session.UserID) }},
		{"Users.SetPassword", func(ctx context.Context) error {
			return db.Users().SetPassword(ctx, session.UserID, "new hash")
		}},
	}...)
}

// requireRetried requires that a call writes nothing while PostgreSQL rolls back everything, and has done its work
// once if PostgreSQL does not.
func (o operator) requireRetried(write call, code string) {
	o.t.Helper()
	o.undo(1_000_000, code, allTables...)
	before := o.content()
	err := write.do(o.t.Context())
	var failure *pgconn.PgError
	require.ErrorAs(o.t, err, &failure, write.name)
	require.Equal(o.t, code, failure.Code)
	for _, meaning := range []error{identity.ErrNotFound, identity.ErrExists, identity.ErrStale} {
		require.NotErrorIs(o.t, err, meaning, write.name)
	}
	require.Equal(o.t, before, o.content(), "%s left partial changes", write.name)

	o.undo(maxTries-1, code, allTables...)
	require.NoError(o.t, write.do(o.t.Context()), write.name)
	require.False(o.t, maps.Equal(before, o.content()), "%s wrote nothing", write.name)
	o.undo(0, code)
}

func TestRollbacksOfPostgreSQLAreRetried(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			db, database := openPostgreSQL(t)
			o := newOperator(t, database)
			session := signIn(t, db, "alice"+code)
			session.ClientID = "client" + code
			require.NoError(t, db.Clients().Create(t.Context(), identity.Client{ID: session.ClientID}))
			for _, write := range writes(db, session) {
				o.requireRetried(write, code)
			}
			user, err := db.Users().Find(t.Context(), session.UserID)
			require.NoError(t, err)
			require.EqualValues(t, 3, user.AuthEpoch, "each change that ends sessions is made once")
		})
	}
}

// TestASessionLimitIsEnforcedAtTheNextSignIn: a sign-in succeeds even if the sessions beyond the limit cannot be
// ended.
func TestASessionLimitIsEnforcedAtTheNextSignIn(t *testing.T) {
	t.Parallel()
	db, database := openPostgreSQL(t)
	o := newOperator(t, database)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	o.undo(1_000_000, "40001", "events")
	for range 3 {
		_, err = db.Sessions().Open(t.Context(), newSession(user), user.AuthEpoch, lifetimes(), 1)
		require.NoError(t, err)
	}
	live, err := db.Sessions().List(t.Context(), user.ID)
	require.NoError(t, err)
	require.Len(t, live, 3)
	o.undo(0, "40001")
	last, err := db.Sessions().Open(t.Context(), newSession(user), user.AuthEpoch, lifetimes(), 1)
	require.NoError(t, err)
	live, err = db.Sessions().List(t.Context(), user.ID)
	require.NoError(t, err)
	require.Len(t, live, 1)
	require.Equal(t, last.ID, live[0].ID)
}

// TestADeadlockIsResolvedForBoth has two transactions lock two rows in opposite order. PostgreSQL rolls one of them
// back.
func TestADeadlockIsResolvedForBoth(t *testing.T) {
	t.Parallel()
	database := with(t, migrated.Copy(t), "deadlock_timeout", "20ms")
	db, users := openMigratedURL(t, database, 0), [2]identity.User{}
	for n := range users {
		var err error
		users[n], err = db.Users().Create(t.Context(), fmt.Sprint("user", n), "hash")
		require.NoError(t, err)
	}
	held := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	over := [2]chan struct{}{make(chan struct{}), make(chan struct{})}
	tries := [2]int{}
	done := make(chan error, 2)
	for n := range users {
		go func() {
			err := db.transaction(t.Context(), func(tx *gorm.DB, _ time.Time) error {
				if tries[n]++; tries[n] > 1 {
					<-over[1-n] // otherwise both could be rolled back again
				}
				if err := db.dialect.lockUser(tx, users[n].ID); err != nil {
					return err
				}
				if tries[n] == 1 {
					close(held[n])
				}
				<-held[1-n]
				return changed(tx.Exec("UPDATE users SET auth_epoch = auth_epoch + 1 WHERE id = ?", users[1-n].ID))
			})
			close(over[n])
			done <- err
		}()
	}
	require.NoError(t, errors.Join(<-done, <-done))
	require.Equal(t, 3, tries[0]+tries[1], "one was rolled back once")
	for _, user := range users {
		require.EqualValues(t, 1, epoch(t, db, user.ID))
	}
}
