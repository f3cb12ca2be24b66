package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// Options says which database is opened, and how.
type Options struct {
	URL  string           // "sqlite:PATH"; "?synchronous=off" gives durability up, for tests
	Ring *keys.Ring       // opens app secrets; nil: they stay closed
	Now  func() time.Time // the store's clock; nil: time.Now, since SQLite lives in the process
}

// DB is an open database.
type DB struct {
	read, write *gorm.DB
	hot         hotStatements
	ring        *keys.Ring
	now         func() time.Time
}

// hotStatements are those of every token request.
type hotStatements struct {
	findSession, findSessionByOpening, openSession, sessionsBeyond, rotateSession, knownUser *statement
}

func (db *DB) reading(text string) *statement { return newStatement(db.read, text) }
func (db *DB) writing(text string) *statement { return newStatement(db.write, text) }

func (db *DB) newHotStatements() hotStatements {
	return hotStatements{
		findSession:          db.reading("SELECT " + sessionColumns + " FROM sessions WHERE id = ?"),
		findSessionByOpening: db.reading("SELECT " + sessionColumns + " FROM sessions WHERE opened_by = ?"),
		openSession:          db.writing(openSession),
		sessionsBeyond:       db.reading(sessionsBeyond),
		rotateSession:        db.writing(rotateSession),
		knownUser:            db.reading(knownUser),
	}
}

// Open opens a database and does not migrate it; see CheckSchema.
func Open(ctx context.Context, options Options) (*DB, error) {
	db := &DB{ring: options.Ring, now: options.Now}
	if db.now == nil {
		db.now = time.Now
	}
	if err := db.openSQLite(options.URL); err != nil {
		return nil, err
	}
	db.hot = db.newHotStatements()
	return db, db.Ping(ctx)
}

// Close closes all connections.
func (db *DB) Close() error {
	var faults []error
	for _, pool := range []*gorm.DB{db.read, db.write} {
		connections, err := pool.DB()
		if err == nil {
			err = connections.Close()
		}
		faults = append(faults, err)
	}
	return errors.Join(faults...)
}

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	connections, err := db.read.DB()
	if err != nil {
		return err
	}
	return connections.PingContext(ctx)
}

// settings of gorm: single statements are transactions by themselves, and values never reach a log.
//
// gorm's cache of prepared statements is off: whoever meets a statement that somebody else prepares waits for it, so a transaction on the
// one write connection would wait forever for one who waits for that connection. See statement.go for what is compiled once.
func settings() *gorm.Config {
	return &gorm.Config{SkipDefaultTransaction: true, TranslateError: true, Logger: logger.Discard}
}

// clock is the store's, to the millisecond.
func (db *DB) clock() time.Time { return time.UnixMilli(db.now().UnixMilli()) }

// transaction runs work in one transaction of the write pool.
func (db *DB) transaction(ctx context.Context, work func(tx *gorm.DB) error) error {
	return ended(ctx, db.write.WithContext(ctx).Transaction(work))
}

// ended says a fault that came of an ending context in the context's words; the driver calls it an interruption, database/sql a
// transaction that is over.
func ended(ctx context.Context, err error) error {
	if err != nil && ctx.Err() != nil {
		return ctx.Err()
	}
	return err
}

// one scans the first row of a query, or returns ErrNotFound.
func one(query *gorm.DB, row any) error {
	result := query.Scan(row)
	switch {
	case result.Error != nil:
		return ended(result.Statement.Context, result.Error)
	case result.RowsAffected == 0:
		return identity.ErrNotFound
	}
	return nil
}

// changed turns a statement that found no row into ErrNotFound.
func changed(result *gorm.DB) error {
	if err := wrote(result); err != nil {
		return err
	}
	if result.RowsAffected == 0 {
		return identity.ErrNotFound
	}
	return nil
}

// wrote returns why a statement did not write.
func wrote(result *gorm.DB) error { return ended(result.Statement.Context, exists(result.Error)) }

// exists says a violated key in the nouns' words.
func exists(err error) error {
	if errors.Is(err, gorm.ErrDuplicatedKey) {
		return identity.ErrExists
	}
	return err
}

// storable refuses texts that a database would: NUL and invalid UTF-8.
func storable(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return fmt.Errorf("a text to store has a NUL or is not UTF-8")
		}
	}
	return nil
}

// millis is an instant as it is stored: NULL for zero.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// instant is the inverse of millis.
func instant(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms)
}
