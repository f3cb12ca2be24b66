package main

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// store is the persistent store of a server.
type store interface {
	environment() []string                        // for the server
	readState(ctx context.Context) (state, error) // between two phases
	sessionBytes(ctx context.Context) (int64, error)
	cpu() map[int]time.Duration // of the database's own processes so far; empty: none or unknown
	// open returns a connection for bulk inserts, and the words of the SQL dialect.
	open(ctx context.Context) (*sql.DB, bulkWords, error)
	maintain(ctx context.Context) error // does the deferred work after many writes
	remove() error
}

// state is the size of a database, with counters of PostgreSQL.
type state struct {
	Bytes      int64 `json:"bytes"`               // of the database itself
	LogBytes   int64 `json:"log_bytes,omitempty"` // of SQLite's write-ahead log, which is reused
	Sessions   int64 `json:"sessions"`            // rows
	Updates    int64 `json:"updates,omitempty"`   // of sessions; PostgreSQL counts them up to a second late
	HOTUpdates int64 `json:"hot_updates,omitempty"`
}

func (b *testbed) openStore(ctx context.Context, kind, folder string) (store, error) {
	if kind == postgresqlName {
		return openPostgreSQL(ctx, b.cores)
	}
	return newSQLite(folder)
}

// count returns the one number that a query returns.
func count(ctx context.Context, database *sql.DB, query string) (n int64, err error) {
	if err = database.QueryRowContext(ctx, query).Scan(&n); err != nil {
		err = fmt.Errorf("looking at the database: %w", err)
	}
	return n, err
}

// sqliteStore is a file in the server's folder, which lingpai dev creates.
type sqliteStore struct{ path string }

func newSQLite(folder string) (store, error) {
	return sqliteStore{filepath.Join(folder, "lingpai.db")}, os.Mkdir(folder, 0o700)
}

func (s sqliteStore) environment() []string {
	return []string{"LINGPAI_DATABASE_URL=sqlite:" + filepath.ToSlash(s.path)}
}

// readState uses a connection that can only read.
func (s sqliteStore) readState(ctx context.Context) (state, error) {
	database, err := s.connect("mode=ro")
	if err != nil {
		return state{}, err
	}
	defer database.Close()
	sessions, err := count(ctx, database, "SELECT count(*) FROM sessions")
	return state{Bytes: fileSize(s.path), LogBytes: fileSize(s.path + "-wal"), Sessions: sessions}, err
}

// sessionBytes counts pages of the table and its indexes.
func (s sqliteStore) sessionBytes(ctx context.Context) (int64, error) {
	database, err := s.connect("mode=ro")
	if err != nil {
		return 0, err
	}
	defer database.Close()
	return count(ctx, database, `SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE
		AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = 'sessions')`)
}

// cpu returns nothing, since SQLite runs in the server's process.
func (s sqliteStore) cpu() map[int]time.Duration { return nil }

// open disables durability, which the bench does not need.
func (s sqliteStore) open(context.Context) (*sql.DB, bulkWords, error) {
	database, err := s.connect("mode=rw&_txlock=immediate&_pragma=busy_timeout(10000)" +
		"&_pragma=foreign_keys(on)&_pragma=synchronous(off)")
	return database, bulkWords{list: "json_each(?)", second: "?"}, err
}

func (s sqliteStore) maintain(ctx context.Context) error {
	database, err := s.connect("mode=rw&_pragma=busy_timeout(10000)")
	if err != nil {
		return err
	}
	defer database.Close()
	_, err = database.ExecContext(ctx, "PRAGMA wal_checkpoint(TRUNCATE)")
	return err
}

func (s sqliteStore) connect(how string) (*sql.DB, error) {
	address := url.URL{Scheme: "file", Opaque: url.PathEscape(filepath.ToSlash(s.path)), RawQuery: how}
	return sql.Open("sqlite", address.String())
}

// remove does nothing: the file is removed with its folder.
func (s sqliteStore) remove() error { return nil }

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
