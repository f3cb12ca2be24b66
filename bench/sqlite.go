package main

import (
	"context"
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"time"

	_ "modernc.org/sqlite" // registers the driver "sqlite"
)

// sqliteStore is a file in the server's folder, where lingpai dev makes it.
type sqliteStore struct{ path string }

func newSQLite(folder string) (store, error) {
	return sqliteStore{filepath.Join(folder, "lingpai.db")}, os.Mkdir(folder, 0o700)
}

func (s sqliteStore) environment() []string {
	return []string{"LINGPAI_DATABASE_URL=sqlite:" + filepath.ToSlash(s.path)}
}

// look uses a connection that can only read.
func (s sqliteStore) look(ctx context.Context) (state, error) {
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
	return count(ctx, database, `SELECT sum(pgsize) FROM dbstat WHERE aggregate = TRUE AND name IN (SELECT name FROM sqlite_schema WHERE tbl_name = 'sessions')`)
}

// cpu knows of no process: SQLite runs in the server's.
func (s sqliteStore) cpu() map[int]time.Duration { return nil }

// open gives durability up, which matters to nobody who begins anew after a crash.
func (s sqliteStore) open(context.Context) (*sql.DB, bulkWords, error) {
	database, err := s.connect("mode=rw&_txlock=immediate&_pragma=busy_timeout(10000)&_pragma=foreign_keys(on)&_pragma=synchronous(off)")
	return database, bulkWords{list: "json_each(?)", second: "?"}, err
}

func (s sqliteStore) tidy(ctx context.Context) error {
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
