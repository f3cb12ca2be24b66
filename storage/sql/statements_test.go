package sql

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lingpai/lingpai/identity"
)

// recorder records the statements that gorm executes, with their values.
type recorder struct {
	logger.Interface
	mutex      sync.Mutex
	statements []string
}

// Trace implements gorm's logger.Interface.
func (r *recorder) Trace(_ context.Context, _ time.Time, statement func() (string, int64), _ error) {
	r.mutex.Lock()
	defer r.mutex.Unlock()
	text, _ := statement()
	r.statements = append(r.statements, text)
}

// recorded returns the same database, and a recorder of what it executes.
func recorded(db *DB) (*DB, *recorder) {
	r := &recorder{Interface: logger.Discard}
	session := &gorm.Session{Logger: r}
	return &DB{read: db.read.Session(session), write: db.write.Session(session), ring: db.ring, now: db.now}, r
}

// plan returns how SQLite finds the rows of a statement.
func plan(t *testing.T, db *DB, statement string) string {
	t.Helper()
	var steps []struct{ Detail string }
	require.NoError(t, db.read.Raw("EXPLAIN QUERY PLAN "+statement).Scan(&steps).Error)
	var details []string
	for _, step := range steps {
		details = append(details, step.Detail)
	}
	return strings.Join(details, "; ")
}

// TestHotPathsAreOneStatementByKey makes the real calls and asks SQLite for the plans of their statements.
func TestHotPathsAreOneStatementByKey(t *testing.T) {
	ctx := t.Context()
	plain := openMigrated(t)
	session := signIn(t, plain, "alice")
	require.NoError(t, plain.Clients().Create(ctx, identity.Client{ID: "client"}))

	for name, hot := range map[string]struct {
		call func(db *DB) error
		plan string
	}{
		"Clients.Find": {
			func(db *DB) error { _, err := db.Clients().Find(ctx, "client"); return err },
			"SEARCH clients USING INDEX sqlite_autoindex_clients_1 (id=?)",
		},
		"Users.FindByUsername": {
			func(db *DB) error { _, err := db.Users().FindByUsername(ctx, "alice"); return err },
			"SEARCH users USING INDEX sqlite_autoindex_users_2 (username_key=?)",
		},
		"Sessions.List": {
			func(db *DB) error { _, err := db.Sessions().List(ctx, session.UserID); return err },
			"SEARCH sessions USING INDEX sessions_of_user (user_id=? AND ended_at=?); USE TEMP B-TREE FOR ORDER BY",
		},
	} {
		t.Run(name, func(t *testing.T) {
			db, executed := recorded(plain)
			require.NoError(t, hot.call(db))
			require.Len(t, executed.statements, 1)
			require.Equal(t, hot.plan, plan(t, plain, executed.statements[0]))
		})
	}
}

// TestPreparedStatementsSearchByKey asks SQLite for the plans of the statements that are compiled once.
func TestPreparedStatementsSearchByKey(t *testing.T) {
	db := openMigrated(t)
	for statement, want := range map[*statement]string{
		db.hot.findUser:             "SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?)",
		db.hot.findSession:          "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)",
		db.hot.findSessionByOpening: "SEARCH sessions USING INDEX sessions_opened_by (opened_by=?)",
		db.hot.rotateSession:        "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)",
		db.hot.knownUser: "SEARCH a USING PRIMARY KEY (platform=? AND app=? AND subject=?); " +
			"SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?)",
		db.hot.findBrowserSessions: "CO-ROUTINE clock; SCAN CONSTANT ROW; " +
			"SEARCH b USING INDEX sqlite_autoindex_browser_sessions_2 (secret_hash=?); " +
			"SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?); SCAN clock",
		db.hot.touchBrowserSession: "MATERIALIZE clock; SCAN CONSTANT ROW; " +
			"SEARCH b USING INDEX sqlite_autoindex_browser_sessions_1 (id=?); " +
			"SEARCH u USING INDEX sqlite_autoindex_users_1 (id=?); SCAN clock",
	} {
		require.Equal(t, want, plan(t, db, strings.ReplaceAll(statement.text, "?", "'x'")))
	}
}

// TestRefreshesDoNotGrowTheDatabase: a session is one row, however often it is refreshed.
func TestRefreshesDoNotGrowTheDatabase(t *testing.T) {
	db := openMigrated(t)
	session := signIn(t, db, "alice")
	refresh := func(times int) {
		for range times {
			next := rotated(session)
			moved, err := db.Sessions().Rotate(t.Context(), next, session.Generation)
			require.NoError(t, err)
			require.True(t, moved)
			session = next
		}
	}
	pages := func() (count int64) {
		require.NoError(t, db.write.Raw("PRAGMA page_count").Scan(&count).Error)
		return count
	}
	refresh(identity.MaxRotations) // from here on each refresh drops one rotation
	before, events := pages(), count(t, db, "events")
	refresh(500)
	require.Equal(t, before, pages())
	require.EqualValues(t, 1, count(t, db, "sessions"))
	require.Equal(t, events, count(t, db, "events"))
	var check string
	require.NoError(t, db.read.Raw("PRAGMA integrity_check").Scan(&check).Error)
	require.Equal(t, "ok", check)
}

// TestNoIndexContainsColumnsThatARefreshChanges, nor do expressions and conditions of indexes. So a refresh writes one
// page, and in PostgreSQL is a HOT update.
func TestNoIndexContainsColumnsThatARefreshChanges(t *testing.T) {
	db := openMigrated(t)
	var indexed []string
	require.NoError(t, db.read.Raw(`SELECT column.name
			FROM pragma_index_list('sessions') AS list, pragma_index_info(list.name) AS column
			WHERE column.name IS NOT NULL
		UNION SELECT column.name FROM pragma_table_info('sessions') AS column JOIN sqlite_master AS made
			ON made.tbl_name = 'sessions' AND made.type = 'index' AND made.sql GLOB '*[ (-]' || column.name || '[ ),]*'
		ORDER BY 1`).Scan(&indexed).Error)
	require.Equal(t, []string{"bucket", "client_id", "ended_at", "id", "opened_by", "user_id"}, indexed)
}

func BenchmarkFindAndRotate(b *testing.B) {
	db := openMigrated(b)
	session := signIn(b, db, "alice")
	for b.Loop() {
		found, _, err := db.Sessions().Find(b.Context(), session.ID)
		require.NoError(b, err)
		moved, err := db.Sessions().Rotate(b.Context(), rotated(found), found.Generation)
		require.NoError(b, err)
		require.True(b, moved)
	}
}
