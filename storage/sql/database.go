// Package sql stores users, accounts, apps, clients, sessions, consents, keys and the audit log in PostgreSQL or
// SQLite, through gorm, with versioned migrations.
//
// It is responsible for statements, transactions and the store's clock, and encrypts what must not be readable in the
// database. It contains no policy beyond the rules of package identity: it does not decide who may have tokens. What
// only one database needs is in a file with that database's name.
package sql

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/pressly/goose/v3"
	"gorm.io/gorm"
	"gorm.io/gorm/logger"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// Options selects the database and its settings.
type Options struct {
	URL         string           // see CheckURL; "sqlite:PATH?synchronous=off" is not durable, for tests
	Connections int              // limit of connections to PostgreSQL; 0: DefaultConnections
	Ring        *keys.Ring       // decrypts app secrets; nil: they are not returned
	Now         func() time.Time // clock of SQLite; nil: time.Now. PostgreSQL uses its own clock
}

// DB is an open database.
type DB struct {
	read, write *gorm.DB // the same pool with PostgreSQL
	dialect     dialect
	config      *pgx.ConnConfig // PostgreSQL only
	hot         hotStatements
	group       commitGroup // SQLite only
	disk        *diskProbe  // SQLite only
	ring        *keys.Ring
	now         func() time.Time // nil: the clock of the database
	timeout     time.Duration    // of a statement or a transaction; 0: none, since SQLite waits for no server
	logger      *slog.Logger
	primary     *primary // PostgreSQL only
}

// LogTo sets where errors are logged that do not fail a call; the default is nowhere. Call it before using the stores.
func (db *DB) LogTo(logger *slog.Logger) { db.logger = logger }

// hotStatements are the statements that every token request, visit in a browser or message of WeChat makes.
type hotStatements struct {
	clock, findUser, knownUser                                                    *statement
	findSession, findSessionByOpening, openSession, sessionsBeyond, rotateSession *statement
	findBrowserSessions, touchBrowserSession, addWithdrawalNotice                 *statement
}

func newHotStatements(db *DB) hotStatements {
	reading := func(text string) *statement { return newStatement(db, db.read, text) }
	writing := func(text string) *statement { return newStatement(db, db.write, text) }
	return hotStatements{
		clock:       reading("SELECT {clock}"),
		findUser:    reading("SELECT " + userColumns + " FROM users u WHERE u.id = ?"),
		findSession: reading("SELECT {clock}, " + sessionColumns + " FROM sessions WHERE id = ?"),
		findSessionByOpening: reading("SELECT {clock}, " + sessionColumns +
			" FROM sessions WHERE opened_by IN (?, ?, ?)"),
		openSession:    writing(openSession),
		sessionsBeyond: reading(sessionsBeyond),
		rotateSession:  writing(rotateSession),
		knownUser:      reading(knownUser),

		findBrowserSessions: reading(findBrowserSessions),
		touchBrowserSession: writing(touchBrowserSession),
		addWithdrawalNotice: writing(addWithdrawalNotice),
	}
}

var errURL = errors.New("must be the URL of a PostgreSQL database, or sqlite: and the path of a file, without // " +
	"before it: sqlite:lingpai.db is in the working directory, sqlite:/var/lib/lingpai/lingpai.db is not; ~ is not " +
	"expanded")

// CheckURL returns an error if a URL is not the URL of a supported database. The error does not repeat the URL,
// which may contain a password.
func CheckURL(databaseURL string) error {
	if strings.HasPrefix(databaseURL, "sqlite:") {
		_, _, err := parseSQLite(databaseURL)
		return err
	}
	_, err := parsePostgreSQL(databaseURL)
	return err
}

// Open opens a database without migrating it; see [Schema.Check].
func Open(ctx context.Context, options Options) (*DB, error) {
	open := newPostgreSQL
	if strings.HasPrefix(options.URL, "sqlite:") {
		open = newSQLite
	}
	db, err := open(options)
	if err != nil {
		return nil, fmt.Errorf("database.url: %w", err)
	}
	db.ring, db.logger = options.Ring, slog.New(slog.DiscardHandler)
	db.hot = newHotStatements(db)
	if err := db.Ping(ctx); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return db, nil
}

// Close closes all connections.
func (db *DB) Close() error {
	failures := []error{closePool(db.read)}
	if db.write != db.read {
		failures = append(failures, db.disk.probe.Close(), closePool(db.write))
	}
	return errors.Join(failures...)
}

func closePool(pool *gorm.DB) error {
	connections, err := pool.DB()
	if err != nil {
		return err
	}
	return connections.Close()
}

// Ping returns an error unless the database responds.
func (db *DB) Ping(ctx context.Context) error {
	ctx, cancel, err := withTimeout(ctx, db.timeout)
	if err != nil {
		return err
	}
	defer cancel()
	connections, err := db.read.DB()
	if err != nil {
		return err
	}
	return advised(translated(db.read, connections.PingContext(ctx)))
}

// CheckWritable returns an error unless the database can be written; see [Explain]. It leaves nothing behind.
func (db *DB) CheckWritable(ctx context.Context) error {
	switch {
	case db.primary != nil:
		return db.primary.check(ctx)
	case db.disk != nil:
		return db.disk.try(ctx)
	}
	return nil
}

// Explain returns what an error of a database means and what an operator can do about it, or "" if that is unknown.
func Explain(err error) (found, advice string) {
	if failure, ok := errors.AsType[*diskError](err); ok {
		return failure.found, failure.advice
	}
	return explainPostgreSQL(err)
}

// translated converts an error of the driver as gorm does.
func translated(pool *gorm.DB, err error) error {
	if translator, ok := pool.Dialector.(gorm.ErrorTranslator); ok && err != nil {
		return translator.Translate(err)
	}
	return err
}

// settings returns gorm's configuration: single statements run without an explicit transaction, and values never
// reach a log.
//
// gorm's cache of prepared statements is off, since it can deadlock: a transaction on the only writing connection
// would wait for another call to prepare a statement, and that call would wait for the connection. statement.go
// compiles the hot statements once.
func settings() *gorm.Config {
	return &gorm.Config{SkipDefaultTransaction: true, TranslateError: true, Logger: logger.Discard,
		DisableAutomaticPing: true}
}

// Clock returns the time of the store's clock, by which sessions expire.
func (db *DB) Clock(ctx context.Context) (time.Time, error) {
	if db.now != nil {
		return time.UnixMilli(db.now().UnixMilli()), nil
	}
	var milliseconds int64
	err := db.hot.clock.row(ctx, []any{&milliseconds})
	return time.UnixMilli(milliseconds), err
}

// clock returns the time of the store's clock, read in a transaction.
func (db *DB) clock(tx *gorm.DB) (time.Time, error) {
	if db.now != nil {
		return time.UnixMilli(db.now().UnixMilli()), nil
	}
	var milliseconds int64
	err := tx.Raw("SELECT " + db.dialect.clock).Scan(&milliseconds).Error
	return time.UnixMilli(milliseconds), ended(tx.Statement.Context, err)
}

// Marks are small facts about the database itself, such as the name of its creator.
type Marks struct{ db *DB }

// Marks returns the store of marks.
func (db *DB) Marks() *Marks { return &Marks{db} }

// Mark stores a value under a name.
func (m *Marks) Mark(ctx context.Context, name, value string) error {
	return mark(m.db.write.WithContext(ctx), name, value)
}

func mark(db *gorm.DB, name, value string) error {
	return wrote(db.Exec("INSERT INTO marks (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET "+
		"value = excluded.value", name, value))
}

// Marked returns the value of a name, or "" if there is none.
func (m *Marks) Marked(ctx context.Context, name string) (string, error) {
	var value string
	err := one(m.db.read.WithContext(ctx).Raw("SELECT value FROM marks WHERE name = ?", name), &value)
	if errors.Is(err, identity.ErrNotFound) {
		return "", nil
	}
	return value, err
}

// dialect describes what differs between the databases. Everything else is SQL that both
// understand.
type dialect struct {
	goose      goose.Dialect
	migrations string // a folder
	tables     string // query that lists the names of the tables
	clock      string // expression for the store's clock in milliseconds
	bytes      string // type of binary values
	forShare   string // suffix of a SELECT that keeps its rows unchanged until the transaction ends
	forUpdate  string // suffix of a SELECT that also excludes other such SELECTs
	sample     string // expression for about ? percent of the rows of a table; "": not supported
	position   string // function for the position of a text in another, from 1; 0: none
	bytewise   string // suffix of a column that is sorted by bytes in an index, but not by default
	value      func(n int) string
}

var dialectSQLite = dialect{
	goose:      goose.DialectSQLite3,
	migrations: "migrations/sqlite",
	tables:     "SELECT name FROM sqlite_master WHERE type = 'table'",
	clock:      "CAST(? AS BIGINT)", // the process's clock, since SQLite runs in the process
	bytes:      "BLOB",
	position:   "instr",
	value:      func(int) string { return "?" }, // one connection writes, so rows need no locks
}

var dialectPostgreSQL = dialect{
	goose:      goose.DialectPostgres,
	migrations: "migrations/postgresql",
	tables:     "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = current_schema()",
	// unlike now(), not the start of the transaction
	clock:     "CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)",
	bytes:     "BYTEA",
	sample:    " TABLESAMPLE SYSTEM (?)",
	position:  "strpos",
	forShare:  " FOR SHARE",
	forUpdate: " FOR NO KEY UPDATE", // rows that refer to it can still be written
	bytewise:  ` COLLATE "C"`,
	value:     func(n int) string { return "$" + strconv.Itoa(n) },
}

// statement returns the text for the driver: it replaces {clock}, which must come before all values, {bytes}, {share}
// and every ? with those of the dialect.
func (d dialect) statement(text string) string {
	text = strings.NewReplacer("{clock}", d.clock, "{bytes}", d.bytes, "{share}", d.forShare).Replace(text)
	var b strings.Builder
	for n, part := range strings.Split(text, "?") {
		if n > 0 {
			b.WriteString(d.value(n))
		}
		b.WriteString(part)
	}
	return b.String()
}
