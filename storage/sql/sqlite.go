package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strings"

	"gorm.io/gorm"
)

// readers is how many connections read at once; writers are one, so that Go queues them instead of SQLite making them sleep.
const readers = 8

// openSQLite opens the two pools over one file.
func (db *DB) openSQLite(databaseURL string) error {
	path, ok := strings.CutPrefix(databaseURL, "sqlite:")
	path, query, _ := strings.Cut(path, "?")
	if !ok || path == "" || path == ":memory:" { // each connection would have a memory of its own
		return errors.New("database.url: allowed is sqlite:PATH, the path of a file")
	}
	synchronous := "full" // nothing acknowledged is ever lost
	switch query {
	case "":
	case "synchronous=off":
		synchronous = "off"
	default:
		return errors.New("database.url: the only option of sqlite: is synchronous=off")
	}
	if err := createPrivate(path); err != nil {
		return fmt.Errorf("database.url: %w", err)
	}
	options := url.Values{"_pragma": {
		"journal_mode(wal)", "foreign_keys(on)", "busy_timeout(5000)", "synchronous(" + synchronous + ")",
	}}
	var err error
	if db.read, err = openPool(path, options, readers); err != nil {
		return err
	}
	options.Set("_txlock", "immediate") // a transaction that will write says so at once, and never has to be undone
	db.write, err = openPool(path, options, 1)
	return err
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

// tables names what is in the database.
func (db *DB) tables(ctx context.Context) ([]string, error) {
	var names []string
	err := db.read.WithContext(ctx).Raw("SELECT name FROM sqlite_master WHERE type = 'table'").Scan(&names).Error
	return names, ended(ctx, err)
}
