package sql

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lingpai/lingpai/keys"
)

// Options says which database is opened, and how.
type Options struct {
	URL         string           // see CheckURL; "sqlite:PATH?synchronous=off" gives durability up, for tests
	Connections int              // to PostgreSQL, at most; 0: DefaultConnections
	Ring        *keys.Ring       // opens app secrets; nil: they stay closed
	Now         func() time.Time // SQLite's clock, since it lives in the process; nil: time.Now. PostgreSQL has its own
}

// DB is an open database.
type DB struct {
	read, write *gorm.DB // one and the same with PostgreSQL
	words       dialect
	hot         hotStatements
	group       commitGroup // of SQLite
	ring        *keys.Ring
	now         func() time.Time // nil: the database has a clock of its own
	patience    time.Duration    // how long a statement or a transaction may take; 0: it has no one to wait for
}

// hotStatements are those of every token request.
type hotStatements struct {
	findSession, findSessionByOpening, openSession, sessionsBeyond, rotateSession, knownUser *statement
}

func newHotStatements(db *DB) hotStatements {
	reading := func(text string) *statement { return newStatement(db, db.read, text) }
	writing := func(text string) *statement { return newStatement(db, db.write, text) }
	return hotStatements{
		findSession: reading("SELECT {clock}, " + sessionColumns + " FROM sessions WHERE id = ?"),
		findSessionByOpening: reading("SELECT {clock}, " + sessionColumns +
			" FROM sessions WHERE opened_by IN (?, ?, ?)"),
		openSession:    writing(openSession),
		sessionsBeyond: reading(sessionsBeyond),
		rotateSession:  writing(rotateSession),
		knownUser:      reading(knownUser),
	}
}

var errURL = errors.New("neither sqlite: and the path of a file, nor the URL of a PostgreSQL database")

// CheckURL says whether a URL can be one of a database. Its errors do not repeat the URL, which may hold a password.
func CheckURL(databaseURL string) error {
	if strings.HasPrefix(databaseURL, "sqlite:") {
		_, _, err := parseSQLite(databaseURL)
		return err
	}
	_, err := parsePostgreSQL(databaseURL)
	return err
}

// Open opens a database and does not migrate it; see [Schema.Check].
func Open(ctx context.Context, options Options) (*DB, error) {
	open := newPostgreSQL
	if strings.HasPrefix(options.URL, "sqlite:") {
		open = newSQLite
	}
	db, err := open(options)
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err)
	}
	db.ring = options.Ring
	db.hot = newHotStatements(db)
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close closes all connections.
func (db *DB) Close() error {
	faults := []error{closePool(db.read)}
	if db.write != db.read {
		faults = append(faults, closePool(db.write))
	}
	return errors.Join(faults...)
}

func closePool(pool *gorm.DB) error {
	connections, err := pool.DB()
	if err != nil {
		return err
	}
	return connections.Close()
}

// Ping says whether the database answers.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel, err := db.carry(ctx)
	if err != nil {
		return err
	}
	defer cancel()
	connections, err := db.read.DB()
	if err != nil {
		return err
	}
	return connections.PingContext(ctx)
}

// settings of gorm: single statements are transactions by themselves, and values never reach a log.
//
// gorm's cache of prepared statements is off: whoever meets a statement that somebody else prepares waits for
// it, so a transaction on the one write connection would wait forever for one who waits for that connection.
// See statement.go for what is compiled once.
func settings() *gorm.Config {
	return &gorm.Config{SkipDefaultTransaction: true, TranslateError: true, Logger: logger.Discard,
		DisableAutomaticPing: true}
}

// Clock is the store's, by which sessions are judged.
func (db *DB) Clock(ctx context.Context) (time.Time, error) {
	return db.clock(db.read.WithContext(ctx))
}

// clock reads the store's clock, to the millisecond, over a connection or within a transaction.
func (db *DB) clock(on *gorm.DB) (time.Time, error) {
	if db.now != nil {
		return time.UnixMilli(db.now().UnixMilli()), nil
	}
	var milliseconds int64
	err := on.Raw("SELECT " + db.words.clock).Scan(&milliseconds).Error
	return time.UnixMilli(milliseconds), ended(on.Statement.Context, err)
}

// clockValue is what a hot statement with {clock} in it begins its values with.
func (db *DB) clockValue() []any {
	if db.now == nil {
		return nil
	}
	return []any{db.now().UnixMilli()}
}
