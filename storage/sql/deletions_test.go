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

// scheduleDeletions creates users and requests their deletion, the first one first, with no grace period left.
func scheduleDeletions(t *testing.T, db *DB, names ...string) (ids []string) {
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

func TestIDsAreNeverReused(t *testing.T) {
	everywhere(t, func(t *testing.T, open func() *DB) {
		db := open()
		_, err := db.Schema().MigrateUp(t.Context())
		require.NoError(t, err)
		id, name := scheduleDeletions(t, db, "alice")[0], "bob"
		require.ErrorIs(t, addUser(db.write, userRow{ID: id, Username: &name, UsernameKey: &name}),
			identity.ErrExists, "while a user has it")
		deleted, err := db.Deletions().PurgeDeleted(t.Context(), 1)
		require.NoError(t, err)
		require.Equal(t, 1, deleted)
		require.ErrorIs(t, addUser(db.write, userRow{ID: id, Username: &name, UsernameKey: &name}), identity.ErrExists)
		require.Zero(t, count(t, db, "users"))
		require.NoError(t, addUser(db.write, userRow{ID: identity.NewUserID(), Username: &name, UsernameKey: &name}))
	})
}

// TestADeletionLooksUpByKey asks SQLite how it finds the data of a user. Merges are few.
func TestADeletionLooksUpByKey(t *testing.T) {
	plain := openMigrated(t)
	scheduleDeletions(t, plain, "alice")
	db, executed := recorded(plain)
	deleted, err := db.Deletions().PurgeDeleted(t.Context(), 1)
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	var plans []string
	for _, statement := range executed.statements {
		if !strings.HasPrefix(statement, "INSERT") {
			plans = append(plans, plan(t, plain, statement)) // also of SQLite's search for references
		}
	}
	steps := strings.Join(plans, "; ")
	require.Contains(t, steps, "SEARCH users USING INDEX users_leaving (deletes_at<?)")
	require.Contains(t, steps, "SEARCH sessions USING COVERING INDEX sessions_of_user (user_id=?)")
	for _, scanned := range regexp.MustCompile(`SCAN (\w+)`).FindAllStringSubmatch(steps, -1) {
		require.Contains(t, []string{"family", "joins"}, scanned[1], steps)
	}
}

// TestDeletingStopsBetweenUsers stops a server while it deletes the first of two users.
func TestDeletingStopsBetweenUsers(t *testing.T) {
	proxiedURL, proxy := startProxy(t, migrated.Copy(t))
	db := openMigratedURL(t, proxiedURL, 0)
	ids := scheduleDeletions(t, db, "alice", "bob")
	ctx, stop := context.WithCancel(t.Context())
	proxy.mutex.Lock()
	proxy.lose = func(statement string) bool {
		if strings.HasPrefix(statement, "DELETE FROM users") {
			stop()
		}
		return false
	}
	proxy.mutex.Unlock()
	deleted, err := db.Deletions().PurgeDeleted(ctx, 10)
	require.ErrorIs(t, err, context.Canceled)
	require.Equal(t, 1, deleted)
	_, err = db.Users().Find(t.Context(), ids[0])
	require.ErrorIs(t, err, identity.ErrNotFound)
	bob, err := db.Users().Find(t.Context(), ids[1])
	require.NoError(t, err)
	require.True(t, bob.DeletionRequested())
}

// TestRollbacksOfUserChangesAreRetried covers the changes that are possible only once for each user.
func TestRollbacksOfUserChangesAreRetried(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"40001", "40P01"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			db, database := openPostgreSQL(t)
			o := newOperator(t, database)
			for _, write := range userWrites(t, db, code) {
				o.requireRetried(write, code)
			}
			require.Zero(t, count(t, db, "users"))
			require.EqualValues(t, 1, count(t, db, "retired_subjects"))
		})
	}
}

// userWrites returns calls that change one user, in an order in which they are possible.
func userWrites(t *testing.T, db *DB, name string) []call {
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
