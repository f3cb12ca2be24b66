package main

import (
	"context"
	"database/sql"
	"fmt"
	"time"
)

// store is where a server keeps what lasts.
type store interface {
	environment() []string                   // what the server is told of it
	look(ctx context.Context) (state, error) // between two phases
	sessionBytes(ctx context.Context) (int64, error)
	cpu() map[int]time.Duration // of the database's own processes so far; empty: it has none, or it cannot be told
	// open returns a connection for writing many sessions, and the dialect's words for it.
	open(ctx context.Context) (*sql.DB, bulkWords, error)
	tidy(ctx context.Context) error // does what a database does by itself, sooner or later, after much was written
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

func (s *site) openStore(ctx context.Context, kind, folder string) (store, error) {
	if kind == postgresqlName {
		return openPostgreSQL(ctx, s.cores)
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
