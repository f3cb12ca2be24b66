package sql

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// DefaultConnections to PostgreSQL are enough for a process on a few cores: a refresh uses one for two short
// statements.
const DefaultConnections = 10

const (
	defaultTimeout     = 5 * time.Second  // for a statement or a transaction, including the wait for a connection
	connectTimeout     = 3 * time.Second  // for a new connection, unless the URL has connect_timeout
	connectionLifetime = 30 * time.Minute // so that connections reach another server after a failover
)

// parsePostgreSQL parses a URL. It does not return pgx's errors, which would quote the URL.
func parsePostgreSQL(databaseURL string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" || len(u.Path) < 2 {
		return nil, errURL
	}
	if misread(databaseURL, u) {
		return nil, errRawPassword
	}
	if !u.Query().Has("sslmode") && os.Getenv("PGSSLMODE") == "" && !onThisMachine(u.Hostname()) {
		return nil, errUnprotected // otherwise the driver would do without TLS if a server does not offer it
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.Join(errors.New(
			"PostgreSQL's driver does not understand the URL, or cannot read a file that it names"), errURL)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout
	}
	return config, nil
}

// misread reports whether a part of the password probably became another part of the URL, which would be shown. The
// driver ends the password at the first @, unlike net/url.
func misread(databaseURL string, u *url.URL) bool {
	_, rest, _ := strings.Cut(databaseURL, "://")
	authority, _, _ := strings.Cut(strings.NewReplacer("?", "/", "#", "/").Replace(rest), "/")
	for name := range u.Query() {
		if strings.Contains(name, "@") {
			return true
		}
	}
	return strings.Count(authority, "@") > 1 || strings.Contains(u.Path, "@") || u.Fragment != ""
}

var errRawPassword = errors.New("the URL has more than one @, or a #: in the password, write what is not a letter or " +
	"a digit as %XX, such as %40 for @ and %2F for /")

var errUnprotected = errors.New("the URL does not say how the connection is protected: add " +
	"sslmode=verify-full; use sslmode=disable only in private networks")

func onThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// newPostgreSQL creates the one pool. It does not connect.
func newPostgreSQL(options Options) (*DB, error) {
	config, err := parsePostgreSQL(options.URL)
	if err != nil {
		return nil, err
	}
	config.AfterConnect = setConnection
	pool := stdlib.OpenDB(*config)
	connections := options.Connections
	if connections <= 0 {
		connections = DefaultConnections
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxLifetime(connectionLifetime)
	db := &DB{dialect: dialectPostgreSQL, timeout: defaultTimeout}
	db.read, err = gorm.Open(postgres.New(postgres.Config{Conn: timeoutPool{pool, db}, WithoutReturning: true}),
		settings())
	db.write = db.read
	return db, err
}

// connectionSettings override a stricter default of the server, which would roll back single statements without need,
// and let the server release the row locks of a process that vanished. They are not needed for correctness: behind a
// pooler they may apply to another connection.
const connectionSettings = "SET default_transaction_isolation = 'read committed'; SET " +
	"idle_in_transaction_session_timeout = '10s'"

func setConnection(ctx context.Context, connection *pgconn.PgConn) error {
	_, err := connection.Exec(ctx, connectionSettings).ReadAll()
	return err
}

// timeoutPool limits the duration of gorm's single statements, and retries those that the database rolled back.
// Transactions have one limit for the whole, in DB.transaction.
type timeoutPool struct {
	*sql.DB
	db *DB
}

var (
	_ gorm.ConnPool       = timeoutPool{}
	_ gorm.TxBeginner     = timeoutPool{}
	_ gorm.GetDBConnector = timeoutPool{}
)

// GetDBConn implements gorm.GetDBConnector.
func (p timeoutPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// ExecContext implements gorm.ConnPool.
func (p timeoutPool) ExecContext(ctx context.Context, statement string, values ...any) (result sql.Result, err error) {
	err = p.db.withRetries(ctx, func(ctx context.Context) error {
		result, err = p.DB.ExecContext(ctx, statement, values...)
		return err
	})
	return result, err
}

// QueryContext implements gorm.ConnPool.
func (p timeoutPool) QueryContext(ctx context.Context, statement string, values ...any) (rows *sql.Rows, err error) {
	ctx, cancel, err := p.db.withTimeout(ctx)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, cancel) // not earlier, since the rows are still to be read
	err = retry(ctx, func() error {
		rows, err = p.DB.QueryContext(ctx, statement, values...)
		return err
	})
	return rows, err
}

// QueryRowContext implements gorm.ConnPool.
func (p timeoutPool) QueryRowContext(ctx context.Context, statement string, values ...any) *sql.Row {
	if bounded, cancel, err := p.db.withTimeout(ctx); err == nil {
		context.AfterFunc(bounded, cancel)
		ctx = bounded
	}
	return p.DB.QueryRowContext(ctx, statement, values...)
}
