package sql

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// account returns an account at an app, in a union if union is not empty.
func account(app, subject, union string) identity.ExternalIdentity {
	e := identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat,
		App: app, Subject: subject}}
	if union != "" {
		e.OpenPlatform, e.UnionID = "op", union
	}
	return e
}

// newDuplicates creates two users whose accounts are in one union.
func newDuplicates(t *testing.T, db *DB, union string) (retired, survivor identity.User) {
	t.Helper()
	for _, e := range []identity.ExternalIdentity{account("wx1", union, ""), account("wx2", union, union),
		account("wx1", union, union)} {
		user, _, err := db.Accounts().FindOrCreateUser(t.Context(), e)
		require.NoError(t, err)
		if e.App == "wx1" {
			retired = user
		} else {
			survivor = user
		}
	}
	return retired, survivor
}

func TestDuplicatesAreFoundByTheIndexOfUnions(t *testing.T) {
	plain := openMigrated(t)
	newDuplicates(t, plain, "union")
	db, executed := recorded(plain)
	db.dialect = plain.dialect
	_, err := db.Merges().Duplicates(t.Context(), identity.Duplicate{Platform: "wechat", OpenPlatform: "op",
		UnionID: "a"}, 10)
	require.NoError(t, err)
	require.Len(t, executed.statements, 2)
	for _, statement := range executed.statements {
		steps := plan(t, plain, statement)
		require.Contains(t, steps, "SEARCH a USING INDEX accounts_of_union ((platform,open_platform,union_id)>(?,?,?))")
		require.NotRegexp(t, "SCAN (accounts|users|unions|other|owner|n|b|u)", steps)
	}
}

// TestDuplicatesAreFoundInBatches creates more accounts than one batch has, and pairs in several batches.
func TestDuplicatesAreFoundInBatches(t *testing.T) {
	t.Parallel()
	database := migrated.Copy(t)
	proxiedURL, proxy := startProxy(t, database)
	db, o := openMigratedURL(t, proxiedURL, 0), newOperator(t, database)
	o.do(`INSERT INTO users (id, created_at) SELECT 'n' || n, 0 FROM generate_series(1, 12000) n`)
	o.do(`INSERT INTO accounts SELECT 'wechat', 'wx1', 'n' || n, 'n' || n, 'n' || n, 'op', 0
		FROM generate_series(1, 12000) n`)
	o.do(`INSERT INTO unions SELECT platform, open_platform, union_id, user_id, 0 FROM accounts`)
	for _, union := range []string{"a", "n5z", "n9z", "z"} {
		newDuplicates(t, db, union)
	}
	o.do("ANALYZE")
	proxy.take()
	found, err := db.Merges().Duplicates(t.Context(), identity.Duplicate{}, 10)
	require.NoError(t, err)
	executed := proxy.take()
	require.Len(t, executed, 2*3, "three batches")
	var unions []string
	for _, pair := range found {
		unions = append(unions, pair.UnionID)
	}
	require.Equal(t, []string{"a", "n5z", "n9z", "z"}, unions)
	paged := []identity.Duplicate{}
	for after := (identity.Duplicate{}); ; after = paged[len(paged)-1] {
		page, err := db.Merges().Duplicates(t.Context(), after, 1)
		require.NoError(t, err)
		if len(page) == 0 {
			break
		}
		paged = append(paged, page...)
	}
	require.Equal(t, found, paged)

	o.do("SET plan_cache_mode = force_generic_plan")
	o.do("SET enable_bitmapscan = off") // a bitmap scan also uses the key, but only for some numbers of rows
	for _, statement := range executed {
		steps := o.plan(statement)
		require.Contains(t, steps, "Index Scan using accounts_of_union on accounts a; Index Cond: (ROW(platform, ",
			statement)
		require.NotContains(t, steps, "Seq Scan on accounts", statement)
	}
}

// TestAMergeIsRetriedAfterARollback also requires that a merge is never half written.
func TestAMergeIsRetriedAfterARollback(t *testing.T) {
	t.Parallel()
	db, database := openPostgreSQL(t)
	o := newOperator(t, database)
	retired, survivor := newDuplicates(t, db, "union")
	for _, table := range []string{"users", "accounts", "events"} {
		o.undo(1_000_000, "40001", table)
		before := o.content()
		_, err := db.Merges().Merge(t.Context(), retired.ID, survivor.ID)
		require.Error(t, err)
		require.NotErrorIs(t, err, identity.ErrExists)
		require.Equal(t, before, o.content())

		o.undo(maxTries-1, "40001", table)
		merge, err := db.Merges().Merge(t.Context(), retired.ID, survivor.ID)
		require.NoError(t, err, table)
		require.Equal(t, identity.Moved{Accounts: []identity.AccountKey{account("wx1", "union", "").AccountKey}},
			merge.Moved)
		o.undo(maxTries-1, "40001", table)
		undone, err := db.Merges().Undo(t.Context(), merge.ID)
		require.NoError(t, err, table)
		require.Equal(t, merge.Moved, undone.Moved)
		o.undo(0, "40001")
	}
	require.EqualValues(t, 6, epoch(t, db, retired.ID), "each change is made once")
}

// TestAMergeMovesAUnionThatIsBeingAdded: a sign-in locks an account, and adds the account's union before it commits.
func TestAMergeMovesAUnionThatIsBeingAdded(t *testing.T) {
	db, database := openPostgreSQL(t)
	busy, watch := newOperator(t, database), newOperator(t, database)
	retired, survivor := newDuplicates(t, db, "union")
	busy.do("BEGIN")
	busy.do("SELECT 1 FROM accounts WHERE user_id = $1 FOR NO KEY UPDATE", retired.ID)
	merged := make(chan identity.Merge, 1)
	go func() {
		merge, _ := db.Merges().Merge(t.Context(), retired.ID, survivor.ID)
		merged <- merge
	}()
	require.Eventually(t, func() bool {
		return watch.number("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND "+
			"wait_event_type = 'Lock'") == 1
	}, patience, 5*time.Millisecond)
	busy.do("INSERT INTO unions (platform, open_platform, union_id, user_id, created_at) VALUES ('wechat', "+
		"'another op', 'added', $1, 0)", retired.ID)
	busy.do("COMMIT")
	require.Equal(t, []identity.Union{{Platform: "wechat", OpenPlatform: "another op", UnionID: "added"}},
		(<-merged).Moved.Unions)
	require.Zero(t, watch.number("SELECT count(*) FROM unions WHERE user_id = $1", retired.ID))
}

func TestDeletingAUserDeletesItsMerges(t *testing.T) { everywhere(t, deletingAUserDeletesItsMerges) }

func deletingAUserDeletesItsMerges(t *testing.T, open func() *DB) {
	t.Helper()
	ctx, db := t.Context(), open()
	_, err := db.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	retired, survivor := newDuplicates(t, db, "union")
	merge, err := db.Merges().Merge(ctx, retired.ID, survivor.ID)
	require.NoError(t, err)
	_, err = db.Deletions().RequestDeletion(ctx, survivor.ID, 0)
	require.NoError(t, err)
	deleted, err := db.Deletions().PurgeDeleted(ctx, 10)
	require.NoError(t, err)
	require.Equal(t, 1, deleted)
	_, err = db.Merges().Undo(ctx, merge.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	for _, id := range []string{retired.ID, survivor.ID} {
		_, err = db.Users().Find(ctx, id)
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

func TestADamagedMergeIsAnError(t *testing.T) {
	db := openMigrated(t)
	retired, survivor := newDuplicates(t, db, "union")
	merge, err := db.Merges().Merge(t.Context(), retired.ID, survivor.ID)
	require.NoError(t, err)
	require.NoError(t, db.write.Exec("UPDATE joins SET moved = 'n accounts'").Error)
	_, err = db.Merges().Undo(t.Context(), merge.ID)
	require.Error(t, err, "not a half undone merge")
	_, err = db.Merges().List(t.Context(), 1)
	require.Error(t, err)
	require.Error(t, (&moved{}).Scan(7))
	found, err := db.Users().Find(t.Context(), retired.ID)
	require.NoError(t, err)
	require.Equal(t, survivor.ID, found.MergedInto)
	require.Contains(t, fmt.Sprint(merge.Moved.Accounts), "wx1")
}
