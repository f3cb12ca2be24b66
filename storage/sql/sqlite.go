package sql

import (
	"context"
	"database/sql"
	"errors"
	"net/url"
	"os"
	"strings"
	"time"

	"gorm.io/gorm"
	"gorm.io/gorm/callbacks"
	"gorm.io/gorm/clause"
	"gorm.io/gorm/logger"
	"gorm.io/gorm/migrator"
	"gorm.io/gorm/schema"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/lingpai/lingpai/internal/pattern"
)

// readers is how many connections read at a time. One connection writes, so that writers queue in Go; in SQLite they
// would sleep and poll.
const readers = 8

// misspelled matches paths as other programs write them, which would name a file in the root folder or in a folder
// named ~; folders; and databases in memory, of which each connection would have one of its own.
var misspelled = pattern.Lazy(`^(//|~|file:|:memory:|\s)|[/\s]$`)

// parseSQLite returns the path of the file and the value of the pragma synchronous.
func parseSQLite(databaseURL string) (path, synchronous string, err error) {
	path, query, _ := strings.Cut(strings.TrimPrefix(databaseURL, "sqlite:"), "?")
	switch {
	case path == "" || misspelled().MatchString(path):
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
	db := &DB{dialect: dialectSQLite, now: options.Now}
	if db.now == nil {
		db.now = time.Now
	}
	pragmas := url.Values{"_pragma": {
		"journal_mode(wal)", "foreign_keys(on)", "busy_timeout(5000)", "synchronous(" + synchronous + ")",
	}}
	if db.read, err = openPool(path, pragmas, readers); err != nil {
		return nil, err
	}
	pragmas.Set("_txlock", "immediate") // lock at the start, so that no transaction fails to get the lock later
	if db.write, err = openPool(path, pragmas, 1); err != nil {
		return nil, err
	}
	pragmas["_pragma"] = []string{"cache_size(1)", "busy_timeout(0)", "synchronous(" + synchronous + ")"}
	db.disk = &diskProbe{writers: db.write}
	if db.disk.probe, err = sql.Open("sqlite", path+"?"+pragmas.Encode()); err != nil {
		return nil, err
	}
	db.disk.probe.SetMaxOpenConns(1)
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

// createPrivate creates the file, readable by its owner only. SQLite gives its side files the same mode.
func createPrivate(path string) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return file.Close()
}

// sqliteDialect adapts SQLite to gorm, over modernc.org/sqlite's own driver, which keeps compiled statements. It
// supports only what the statements of this package need: goose migrates, so gorm's migrator is not used. See
// docs/adr/0004.
type sqliteDialect struct{ pool *sql.DB }

var (
	_ gorm.Dialector       = sqliteDialect{}
	_ gorm.ErrorTranslator = sqliteDialect{}
)

// Name implements gorm.Dialector.
func (sqliteDialect) Name() string { return "sqlite" }

// Initialize implements gorm.Dialector.
func (d sqliteDialect) Initialize(db *gorm.DB) error {
	db.ConnPool = d.pool
	callbacks.RegisterDefaultCallbacks(db, &callbacks.Config{})
	return d.pool.PingContext(context.Background())
}

// Migrator implements gorm.Dialector.
func (d sqliteDialect) Migrator(db *gorm.DB) gorm.Migrator {
	return migrator.Migrator{Config: migrator.Config{DB: db, Dialector: d}}
}

// DataTypeOf implements gorm.Dialector.
func (sqliteDialect) DataTypeOf(field *schema.Field) string { return string(field.DataType) }

// DefaultValueOf implements gorm.Dialector.
func (sqliteDialect) DefaultValueOf(*schema.Field) clause.Expression { return clause.Expr{SQL: "NULL"} }

// BindVarTo implements gorm.Dialector.
func (sqliteDialect) BindVarTo(writer clause.Writer, _ *gorm.Statement, _ any) {
	_ = writer.WriteByte('?')
}

// QuoteTo implements gorm.Dialector.
func (sqliteDialect) QuoteTo(writer clause.Writer, name string) {
	_, _ = writer.WriteString(`"` + strings.NewReplacer(`"`, `""`, `.`, `"."`).Replace(name) + `"`)
}

// Explain implements gorm.Dialector.
func (sqliteDialect) Explain(statement string, values ...any) string {
	return logger.ExplainSQL(statement, nil, `"`, values...)
}

// Translate implements gorm.ErrorTranslator.
func (sqliteDialect) Translate(err error) error {
	failure, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch failure.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return gorm.ErrDuplicatedKey
	case sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY:
		return gorm.ErrForeignKeyViolated
	}
	if fault, known := diskFaults[failure.Code()&primaryCode]; known {
		fault.cause = err
		return &fault
	}
	return err
}

// primaryCode is the part of a result code that is not its extension (https://www.sqlite.org/rescode.html).
const primaryCode = 0xff

// diskError is an error of the disk on which the database is.
type diskError struct {
	found, advice string
	cause         error
}

// Error implements error.
func (e *diskError) Error() string { return e.found + " (" + e.cause.Error() + "); " + e.advice }

// Unwrap returns the error of the driver.
func (e *diskError) Unwrap() error { return e.cause }

const writableAdvice = "let the user that runs lingpai write the file and its folder, on a disk that is mounted for " +
	"writing"

// diskFaults are the result codes of a disk that does not take what is written to it.
var diskFaults = map[int]diskError{
	sqlite3.SQLITE_FULL: {found: "the disk of the database file is full",
		advice: "free space on it, or move the database to a larger disk; a server that runs needs no restart"},
	sqlite3.SQLITE_READONLY: {found: "the database file is read-only", advice: writableAdvice},
	sqlite3.SQLITE_CANTOPEN: {found: "the database file, or one beside it, cannot be opened", advice: writableAdvice},
	sqlite3.SQLITE_IOERR: {found: "the disk of the database file fails, or has become read-only",
		advice: "look for errors of the disk (on Linux: dmesg), check and mount it again, and restart lingpai"},
}

// diskProbe finds out whether the disk takes what SQLite writes.
type diskProbe struct {
	probe   *sql.DB // its connection caches almost nothing, and waits for no lock
	writers *gorm.DB
}

// try lets SQLite write more pages than it may cache, and rolls them back. If another process is writing, try has
// nothing to add. It takes the turn of this process's writers, since they would have to poll for SQLite's lock.
func (d *diskProbe) try(ctx context.Context) error {
	writers, err := d.writers.DB()
	if err != nil {
		return err
	}
	turn, err := writers.Conn(ctx)
	if err != nil {
		return ended(ctx, err)
	}
	defer turn.Close()
	tx, err := d.probe.BeginTx(ctx, nil)
	if err == nil {
		defer tx.Rollback()
		_, err = tx.ExecContext(ctx, "CREATE TABLE probe AS SELECT hex(zeroblob(32768)) AS pages")
	}
	if failure, ok := errors.AsType[*sqlite.Error](err); ok && failure.Code()&primaryCode == sqlite3.SQLITE_BUSY {
		return nil
	}
	return ended(ctx, translated(d.writers, err))
}
