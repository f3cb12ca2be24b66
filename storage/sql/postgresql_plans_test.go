package sql

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// plan returns how PostgreSQL finds the rows of a statement for any values: which index for which condition.
func (o operator) plan(statement string) string {
	o.t.Helper()
	values := len(regexp.MustCompile(`\$\d+`).FindAllString(statement, -1))
	execute := "EXECUTE planned"
	if values > 0 {
		execute += "(" + strings.Repeat(", NULL", values)[2:] + ")"
	}
	o.do("PREPARE planned AS " + statement)
	defer o.do("DEALLOCATE planned")
	rows, err := o.connection.Query(o.t.Context(), "EXPLAIN (COSTS off) "+execute)
	require.NoError(o.t, err)
	var used []string
	for rows.Next() {
		var step string
		require.NoError(o.t, rows.Scan(&step))
		step = strings.TrimLeft(step, " ->")
		if strings.Contains(step, " on ") || strings.HasPrefix(step, "Index Cond: ") {
			used = append(used, step)
		}
	}
	require.NoError(o.t, rows.Err())
	return regexp.MustCompile(`\$\d+`).ReplaceAllString(strings.Join(used, "; "), "?")
}

// fillTables makes tables so large that PostgreSQL prefers plans that use an index.
func fillTables(o operator) {
	o.t.Helper()
	o.do(`INSERT INTO users (id, created_at) SELECT 'n' || n, 0 FROM generate_series(1, 5000) n`)
	o.do(`INSERT INTO sessions SELECT 'n' || n, 'n' || 1 + n % 500, NULL, NULL, NULL, client_id, scope, method,
		auth_time, generation, rotations,
		decode(lpad(to_hex(n), 8, '0'), 'hex'), secret_hash, idle_expires_at, expires_at, last_seen_at, device
		FROM sessions, generate_series(1, 5000) n`)
	o.do(`INSERT INTO browser_sessions (id, user_id, secret_hash, epoch, method, auth_time, device, idle_expires_at,
			expires_at, last_seen_at)
		SELECT 'n' || n, 'n' || 1 + n % 500, decode(lpad(to_hex(n), 8, '0'), 'hex'), 0, '', 0, '', 0, n, 0
		FROM generate_series(1, 5000) n`)
	o.do(`INSERT INTO consents SELECT 'n' || n, 'n' || n, '', '[]', '', 0 FROM generate_series(1, 5000) n`)
	o.do(`INSERT INTO accounts SELECT platform, app, 'n' || n, 'n' || n, '', '', 0
		FROM accounts, generate_series(1, 5000) n`)
	o.do(`INSERT INTO clients SELECT (jsonb_populate_record(c, jsonb_build_object('id', 'n' || n))).*
		FROM clients c, generate_series(1, 5000) n`)
	o.do(`UPDATE sessions SET ended_at = 1, bucket = 1 WHERE id LIKE 'n%'`)
	o.do(`INSERT INTO ended_sessions SELECT 'n' || n, n, n % 100 FROM generate_series(1, 5000) n`)
	o.do(`INSERT INTO events (id, at, kind, user_id, client_id, session_id, detail)
		SELECT 'n' || n, n, 'n' || n % 7, 'n' || n % 500, '', '', '' FROM generate_series(1, 5000) n`)
	o.do("ANALYZE")
}

// hotPath is a call that every token request may make, and the plans of its statements.
type hotPath struct {
	call  func() error
	plans []string
}

func hotPaths(ctx context.Context, db *DB, user identity.User, session identity.Session) map[string]hotPath {
	latest := func(index string) string {
		return "Index Scan Backward using " + index + "; Index Cond: (ended_at > ?)"
	}
	latestDeleted := latest("ended_sessions_of_time on ended_sessions")
	return map[string]hotPath{
		"Sessions.Find": {
			func() error { return errorOfTwo(db.Sessions().Find(ctx, session.ID)) },
			[]string{"Index Scan using sessions_pkey on sessions; Index Cond: (id = ?)"},
		},
		"Sessions.FindByOpening": {
			func() error {
				_, _, err := db.Sessions().FindByOpening(ctx, []byte{0, 0, 0, 1})
				return err
			},
			[]string{"Index Scan using sessions_opened_by on sessions; Index Cond: (opened_by = ANY (ARRAY[?, ?, ?]))"},
		},
		"Sessions.Rotate": {
			func() error { return errorOf(db.Sessions().Rotate(ctx, rotated(session), session.Generation)) },
			[]string{"Update on sessions; Index Scan using sessions_pkey on sessions; Index Cond: (id = ?)"},
		},
		"Sessions.Open, and a check of the limit": {
			func() error {
				return errorOf(db.Sessions().Open(ctx, newSession(user), user.AuthEpoch, lifetimes(), 20))
			},
			[]string{
				"Insert on sessions; Index Scan using users_pkey on users; Index Cond: (id = ?); " +
					"CTE Scan on u; CTE Scan on clock; Index Scan using browser_sessions_pkey on browser_sessions b; " +
					"Index Cond: (id = clock.browser)",
				"Index Scan using sessions_pkey on sessions own; Index Cond: (id = ?); " +
					"Index Scan using sessions_of_user on sessions; Index Cond: ((user_id = ?) AND " +
					"(ended_at IS NULL) AND (client_id = ?))",
			},
		},
		"Accounts.FindOrCreateUser": {
			func() error {
				_, created, err := db.Accounts().FindOrCreateUser(ctx,
					identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: "s"}})
				if created {
					return fmt.Errorf("%s was created again", user.ID)
				}
				return err
			},
			[]string{"Index Scan using accounts_pkey on accounts a; Index Cond: ((platform = ?) AND (app = " +
				"?) AND (subject = ?)); Index Scan using users_pkey on users u; Index Cond: (id = a.user_id)"},
		},
		"Sessions.Ended": {
			func() error { return errorOf(db.Sessions().Ended(ctx, time.Hour, 100)) },
			[]string{"", "Seq Scan on clients", latest("sessions_listed on sessions"), latestDeleted},
		},
		"Sessions.Ended, of too many": {
			func() error { return errorOf(db.Sessions().Ended(ctx, 500_000*time.Hour, 100)) },
			slices.Concat([]string{"", "Seq Scan on clients", latest("sessions_listed on sessions")},
				ofBuckets("sessions"), []string{latestDeleted}, ofBuckets("ended_sessions")),
		},
		"Clients.Find": {
			func() error { return errorOf(db.Clients().Find(ctx, "client")) },
			[]string{"Index Scan using clients_pkey on clients; Index Cond: (id = ?)"},
		},
		"Users.FindByUsername": {
			func() error { _, _ = db.Users().FindByUsername(ctx, "alice"); return nil },
			[]string{"Index Scan using users_username_key_key on users; Index Cond: (username_key = ?)"},
		},
		"Users.CheckUsername": {
			func() error { return db.Users().CheckUsername(ctx, "nobody") },
			[]string{"Index Scan using users_username_key_key on users; Index Cond: (username_key = ?)",
				"Index Scan using users_username_skeleton on users; Index Cond: (username_skeleton = ?)"},
		},
	}
}

// visitPaths are the calls that every visit in a browser may make.
func visitPaths(ctx context.Context, db *DB, browser identity.BrowserSession) map[string]hotPath {
	return map[string]hotPath{
		"BrowserSessions.Find": {
			func() error { return errorOfTwo(db.BrowserSessions().Find(ctx, browser.SecretHash)) },
			[]string{"CTE Scan on clock; Index Scan using browser_sessions_secret_hash_key on browser_sessions b; " +
				"Index Cond: (secret_hash = ANY (ARRAY[?, ?, ?, ?, ?])); Index Scan using users_pkey on users u; " +
				"Index Cond: (id = b.user_id)"},
		},
		"BrowserSessions.Touch": {
			func() error { return db.BrowserSessions().Touch(ctx, browser.ID, time.Hour) },
			[]string{"Update on browser_sessions b; Index Scan using browser_sessions_pkey on browser_sessions b; " +
				"Index Cond: (id = ?); CTE Scan on clock; Index Scan using users_pkey on users u; " +
				"Index Cond: (id = b.user_id)"},
		},
		"BrowserSessions.List": {
			func() error { return errorOf(db.BrowserSessions().List(ctx, browser.UserID)) },
			[]string{"", "Index Scan using browser_sessions_of_user on browser_sessions b; Index Cond: ((user_id = " +
				"(?)::text) AND (ended_at IS NULL)); Index Scan using users_pkey on users u; " +
				"Index Cond: (id = (?)::text)"},
		},
		"Consents.Find": {
			func() error { _, _ = db.Consents().Find(ctx, browser.UserID, "client", ""); return nil },
			[]string{"Index Scan using consents_pkey on consents; Index Cond: ((user_id = ?) AND (client_id = ?) AND " +
				"(resource = ?))"},
		},
	}
}

// ofBuckets returns the plans of the statements that read endings of a table without a bucket, and then a few of each
// bucket.
func ofBuckets(table string) []string {
	scan := "Index Scan using " + table + "_of_bucket on " + table + "; Index Cond: (("
	buckets := "WorkTable Scan on buckets buckets_1; CTE Scan on buckets; " + scan +
		"bucket = buckets.bucket) AND ((- ended_at) < (- ?)))"
	return append([]string{scan + "bucket IS NULL) AND ((- ended_at) < (- ?)))"}, slices.Repeat([]string{buckets},
		1<<16/bucketsAtOnce)...)
}

// TestHotPathsOnPostgreSQLAreOneStatementByKey makes the real calls, and asks PostgreSQL for the plans of the
// statements that came through the proxy: plans for any values, on large tables.
func TestHotPathsOnPostgreSQLAreOneStatementByKey(t *testing.T) {
	t.Parallel()
	ctx, database := t.Context(), migrated.Copy(t)
	proxiedURL, proxy := startProxy(t, database)
	db := openMigratedURL(t, proxiedURL, 0)
	user, _, err := db.Accounts().FindOrCreateUser(ctx,
		identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: "s"}})
	require.NoError(t, err)
	session, err := db.Sessions().Open(ctx, newSession(user), user.AuthEpoch, lifetimes(), 0)
	require.NoError(t, err)
	browser, err := db.BrowserSessions().Open(ctx, newBrowserSession(user.ID), lifetimes(), "")
	require.NoError(t, err)
	require.NoError(t, db.Clients().Create(ctx, identity.Client{ID: "client"}))
	o := newOperator(t, database)
	o.do("SET plan_cache_mode = force_generic_plan")
	o.do("SET enable_bitmapscan = off") // a bitmap scan also uses the key, but only for some numbers of rows
	fillTables(o)

	paths := hotPaths(ctx, db, user, session)
	maps.Copy(paths, visitPaths(ctx, db, browser))
	for name, hot := range paths {
		proxy.take()
		require.NoError(t, hot.call(), name)
		executed := proxy.take()
		require.Len(t, executed, len(hot.plans), "%s: %s", name, executed)
		for n, statement := range executed {
			require.Equal(t, hot.plans[n], o.plan(statement), "%s: %s", name, statement)
		}
	}
}

// TestARefreshIsTwoStatementsOnOneConnection counts statements in the proxy.
func TestARefreshIsTwoStatementsOnOneConnection(t *testing.T) {
	proxiedURL, proxy := startProxy(t, migrated.Copy(t))
	db := openMigratedURL(t, proxiedURL, 0)
	session := signIn(t, db, "alice")
	proxy.take()
	before := proxy.connections
	for range 50 {
		found, _, err := db.Sessions().Find(t.Context(), session.ID)
		require.NoError(t, err)
		moved, err := db.Sessions().Rotate(t.Context(), rotated(found), found.Generation)
		require.NoError(t, err)
		require.True(t, moved)
		executed := proxy.take()
		require.Len(t, executed, 2, "without a transaction: %s", executed)
		require.True(t, strings.HasPrefix(executed[0], "SELECT CAST(extract(epoch FROM clock_timestamp())"),
			executed[0])
		require.True(t, strings.HasPrefix(executed[1], "UPDATE sessions"), executed[1])
	}
	require.Equal(t, before, proxy.connections)
}

// TestStatementsOfTheAuditLogUseIndexes records and prunes events on a large table.
func TestStatementsOfTheAuditLogUseIndexes(t *testing.T) {
	t.Parallel()
	ctx, database := t.Context(), migrated.Copy(t)
	proxiedURL, proxy := startProxy(t, database)
	db := openMigratedURL(t, proxiedURL, 0)
	o := newOperator(t, database)
	o.do("SET plan_cache_mode = force_generic_plan")
	o.do("SET enable_bitmapscan = off")
	fillTables(o)
	for range repeatLimit {
		require.NoError(t, db.Events().Record(ctx, identity.Event{Kind: "kind", UserID: "n1"}))
	}
	for name, use := range map[string]struct {
		call  func() error
		plans []string
	}{
		"a repeated event is counted": {
			func() error { return db.Events().Record(ctx, identity.Event{Kind: "kind", UserID: "n1"}) },
			[]string{
				"Index Scan Backward using events_of_user on events; Index Cond: ((user_id = ?) AND " +
					"(kind = ?) AND (id > ?))",
				"Update on events; Index Scan using events_pkey on events; Index Cond: (id = ?)",
			},
		},
		"old events are deleted": {
			func() error { return errorOf(db.Events().Prune(ctx, time.Minute, 3)) },
			[]string{
				"Index Scan using events_pkey on events; Index Cond: (id < ?)",
				"Delete on events; Index Scan using events_pkey on events; Index Cond: (id = ANY (ARRAY[?, ?, ?]))",
			},
		},
	} {
		o.do("UPDATE events SET id = '00' || substr(id, 2) WHERE at < 4 AND id LIKE 'n%'") // three old ones
		proxy.take()
		require.NoError(t, use.call(), name)
		var plans []string
		for _, statement := range proxy.take() {
			if strings.Contains(statement, " events ") {
				plans = append(plans, o.plan(statement))
			}
		}
		require.Equal(t, use.plans, plans, name)
	}
}
