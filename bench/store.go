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

// store is where a server keeps what lasts.
type store interface {
	environment() []string                        // what the server is told of it
	readState(ctx context.Context) (state, error) // between two phases
	sessionBytes(ctx context.Context) (int64, error)
	cpu() map[int]time.Duration // of the database's own processes so far; empty: it has none, or it cannot be told
	// open returns a connection for writing many sessions, and the dialect's words for it.
	open(ctx context.Context) (*sql.DB, bulkWords, error)
	maintain(ctx context.Context) error // does what a database does by itself, sooner or later, after much was written
	remove() error
}

// state is how large a database is, and what PostgreSQL counted.
type state struct {
	Bytes      int64 `json:"bytes"`               // of the database itself
	LogBytes   int64 `json:"log_bytes,omitempty"` // of SQLite's write-ahead log, which is used over and over
	Sessions   int64 `json:"sessions"`            // rows
	Updates    int64 `json:"updates,omitempty"`   // of sessions; PostgreSQL tells of them up to a second late
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

// sqliteStore is a file in the server's folder, where lingpai dev makes it.
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

// cpu knows of no process: SQLite runs in the server's.
func (s sqliteStore) cpu() map[int]time.Duration { return nil }

// open gives durability up, which matters to nobody who begins anew after a crash.
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

// remove leaves the file to the folder that it is in.
func (s sqliteStore) remove() error { return nil }

func fileSize(path string) int64 {
	info, err := os.Stat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}
