package sql

import (
	"context"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// leave has new users leave, the first one first, and their time come.
func leave(t *testing.T, db *DB, names ...string) (ids []string) {
	t.Helper()
	for n, name := range names {
		user, err := db.Users().Create(t.Context(), name, "hash")
		require.NoError(t, err)
		_, err = db.Deletions().RequestDeletion(t.Context(), user.ID, time.Duration(n-len(names))*time.Minute)
		require.NoError(t, err)
		ids = append(ids, user.ID)
	}
	return ids
}

func TestAnIDIsGivenOnce(t *testing.T) {
	everywhere(t, func(t *testing.T, open func() *DB) {
		db := open()
		_, err := db.Schema().MigrateUp(t.Context())
		require.NoError(t, err)
		id, name := leave(t, db, "alice")[0], "bob"
		require.ErrorIs(t, addUser(db.write, userRow{ID: id, Username: &name, UsernameKey: &name}),
			identity.ErrExists, "while it is somebody's")
		deleted, err := db.Deletions().PurgeDeleted(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, 1, deleted)
		require.ErrorIs(t, addUser(db.write, userRow{ID: id, Username: &name, UsernameKey: &name}), identity.ErrExists)
		require.Zero(t, count(t, db, "users"))
		require.NoError(t, addUser(db.write, userRow{ID: identity.NewUserID(), Username: &name, UsernameKey: &name}))
	})
}

// TestADeletionLooksUpByKey asks SQLite how it finds what is a user's. Merges are few.
func TestADeletionLooksUpByKey(t *testing.T) {
	plain := openMigrated(t)
	leave(t, plain, "alice")
	db, executed := recorded(plain)
	deleted, err := db.Deletions().PurgeDeleted(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	var looked []string
	for _, statement := range executed.statements {
		if !strings.HasPrefix(statement, "INSERT") {
			looked = append(looked, plan(t, plain, statement)) // also of what SQLite looks for that refers to a row
		}
	}
	steps := strings.Join(looked, "; ")
	require.Contains(t, steps, "SEARCH users USING INDEX users_leaving (deletes_at<?)")
	require.Contains(t, steps, "SEARCH sessions USING COVERING INDEX sessions_of_user (user_id=?)")
	for _, scanned := range regexp.MustCompile(`SCAN (\w+)`).FindAllStringSubmatch(steps, -1) {
		require.Contains(t, []string{"family", "joins"}, scanned[1], steps)
	}
}

// TestDeletingStopsBetweenUsers has a server stop while it deletes the first of two.
func TestDeletingStopsBetweenUsers(t *testing.T) {
	tapped, wire := tap(t, migrated.Copy(t))
	db := openMigratedURL(t, tapped, 0)
	ids := leave(t, db, "alice", "bob")
	ctx, stop := context.WithCancel(t.Context())
	wire.mutex.Lock()
	wire.lose = func(statement string) bool {
		if strings.HasPrefix(statement, "DELETE FROM users") {
			stop()
		}
		return false
	}
	wire.mutex.Unlock()
	deleted, err := db.Deletions().PurgeDeleted(ctx, 10)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, deleted)
	_, err = db.Users().Find(t.Context(), ids[0])
	require.ErrorIs(t, err, identity.ErrNotFound)
	bob, err := db.Users().Find(t.Context(), ids[1])
	require.NoError(t, err)
	require.True(t, bob.DeletionRequested())
}

// TestWhatPostgreSQLUndoesOfPeopleIsDoneAgain is about what can be done to a user only once.
func TestWhatPostgreSQLUndoesOfPeopleIsDoneAgain(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			db, database := openPostgreSQL(t)
			o := newOperator(t, database)
			for _, write := range writesOfPeople(t, db, code) {
				o.requireDoneAgain(write, code)
			}
			require.Zero(t, count(t, db, "users"))
			require.EqualValues(t, 1, count(t, db, "retired_subjects"))
		})
	}
}

// writesOfPeople are calls that write of one person, in the order in which they can be made.
func writesOfPeople(t *testing.T, db *DB, name string) []call {
	t.Helper()
	app := newApp("wx1")
	app.PhoneBudget = 1
	require.NoError(t, db.Apps().Add(t.Context(), app))
	session := signIn(t, db, "alice"+name)
	external := identity.ExternalIdentity{
		AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: name}, UnionID: "union" + name,
		OpenPlatform: "op",
	}
	return []call{
		{"Accounts.Link", func(ctx context.Context) error { return db.Accounts().Link(ctx, session.UserID, external) }},
		{"Accounts.Unlink", func(ctx context.Context) error {
			return errorOf(db.Accounts().Unlink(ctx, session.UserID, external.AccountKey))
		}},
		{"Profiles.Suggest", func(ctx context.Context) error {
			return errorOf(db.Profiles().Suggest(ctx, session.UserID, identity.Profile{Name: "alice"}))
		}},
		{"Apps.SpendPhone", func(ctx context.Context) error {
			return errorOf(db.Apps().SpendPhone(ctx, app.Platform, app.ID))
		}},
		{"Apps.RefundPhone", func(ctx context.Context) error {
			return db.Apps().RefundPhone(ctx, app.Platform, app.ID)
		}},
		{"Deletions.RequestDeletion", func(ctx context.Context) error {
			return errorOf(db.Deletions().RequestDeletion(ctx, session.UserID, 0))
		}},
		{"Deletions.CancelDeletion", func(ctx context.Context) error {
			return db.Deletions().CancelDeletion(ctx,
				session.UserID)
		}},
		{"Deletions.ScheduleDeletion", func(ctx context.Context) error {
			return errorOf(db.Deletions().ScheduleDeletion(ctx, session.UserID, 0))
		}},
		{"Deletions.CancelDeletion again", func(ctx context.Context) error {
			return db.Deletions().CancelDeletion(ctx,
				session.UserID)
		}},
		{"Deletions.RequestDeletion again", func(ctx context.Context) error {
			return errorOf(db.Deletions().RequestDeletion(ctx, session.UserID, 0))
		}},
		{"Deletions.PurgeDeleted", func(ctx context.Context) error {
			return errorOf(db.Deletions().PurgeDeleted(ctx, 10))
		}},
	}
}
