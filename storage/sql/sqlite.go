package sql

import (
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"gorm.io/gorm"
)

// readers is how many connections read at once; writers are one, so that Go queues them instead of SQLite
// making them sleep.
const readers = 8

// parseSQLite reads the path of the file, and how a commit is kept.
func parseSQLite(databaseURL string) (path, synchronous string, err error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(databaseURL, "sqlite:"), "?")
	switch {
	case path == "" || path == ":memory:": // each connection would have a memory of its own
		return "", "", errURL
	case query == "":
		return path, "full", nil // nothing acknowledged is ever lost
	case query == "synchronous=off":
		return path, "off", nil
	}
	return "", "", errors.New("the only option of sqlite: is synchronous=off")
}

// newSQLite opens the two pools over one file.
func newSQLite(options Options) (*DB, error) {
	path, synchronous, err := parseSQLite(options.URL)
	if err != nil {
		return nil, err
	}
	if err := createPrivate(path); err != nil {
		return nil, err
	}
	db := &DB{words: sqliteWords, now: options.Now}
	if db.now == nil {
		db.now = time.Now
	}
	pragmas := url.Values{"_pragma": {
		"journal_mode(wal)", "foreign_keys(on)", "busy_timeout(5000)", "synchronous(" + synchronous + ")",
	}}
	if db.read, err = openPool(path, pragmas, readers); err != nil {
		return nil, err
	}
	pragmas.Set("_txlock", "immediate") // a transaction that will write says so at once, and never has to be undone
	if db.write, err = openPool(path, pragmas, 1); err != nil {
		return nil, err
	}
	db.group.pool, err = db.write.DB()
	return db, err
}

func openPool(path string, options url.Values, connections int) (*gorm.DB, error) {
	pool, err := sql.Open("sqlite", path+"?"+options.Encode())
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	return gorm.Open(sqliteDialect{pool}, settings())
}

// createPrivate makes the file, readable by its owner only. SQLite gives its side files the same mode.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}
