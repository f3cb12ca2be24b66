package sql

import (
	"context"
	"database/sql"
	"errors"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"
)

// DefaultConnections to PostgreSQL are enough for a process on a few cores: a refresh holds one for two short
// statements.
const DefaultConnections = 10

const (
	patience        = 5 * time.Second  // with a statement or a transaction, waiting for a connection included
	connectPatience = 3 * time.Second  // with a new connection, unless the URL says connect_timeout
	connectionLife  = 30 * time.Minute // so that connections find their way to another server after a failover
)

// parsePostgreSQL reads a URL. What pgx says of a wrong one would quote it.
func parsePostgreSQL(databaseURL string) (*pgx.ConnConfig, error) {
	u, err := url.Parse(databaseURL)
	if err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql" || u.Host == "" || len(u.Path) < 2 {
		return nil, errURL
	}
	if !u.Query().Has("sslmode") && os.Getenv("PGSSLMODE") == "" && !onThisMachine(u.Hostname()) {
		return nil, errUnprotected // the driver would do without TLS if the server, or whoever sits between, says so
	}
	config, err := pgx.ParseConfig(databaseURL)
	if err != nil {
		return nil, errors.Join(errors.New(
			"PostgreSQL's driver does not understand the URL, or cannot read a file that it names"), errURL)
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectPatience
	}
	return config, nil
}

var errUnprotected = errors.New("the URL does not say how the connection is protected: add " +
	"sslmode=verify-full; sslmode=disable is for private networks")

func onThisMachine(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// newPostgreSQL makes the one pool. It does not connect.
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
	pool.SetConnMaxLifetime(connectionLife)
	db := &DB{words: postgresWords, patience: patience}
	db.read, err = gorm.Open(postgres.New(postgres.Config{Conn: patientPool{pool, db}, WithoutReturning: true}),
		settings())
	db.write = db.read
	return db, err
}

// connectionSettings spare single statements what a server's stricter default would undo without need, and
// have the server let go of the rows that a process held which vanished without a word. Nothing is wrong
// without them: behind a pooler they may be on another connection.
const connectionSettings = "SET default_transaction_isolation = 'read committed'; SET " +
	"idle_in_transaction_session_timeout = '10s'"

func setConnection(ctx context.Context, connection *pgconn.PgConn) error {
	_, err := connection.Exec(ctx, connectionSettings).ReadAll()
	return err
}

// patientPool bounds gorm's single statements, and repeats those that the database undid. Transactions are
// bounded as a whole, in DB.transaction.
type patientPool struct {
	*sql.DB
	db *DB
}

var (
	_ gorm.ConnPool       = patientPool{}
	_ gorm.TxBeginner     = patientPool{}
	_ gorm.GetDBConnector = patientPool{}
)

// GetDBConn implements gorm.GetDBConnector.
func (p patientPool) GetDBConn() (*sql.DB, error) { return p.DB, nil }

// ExecContext implements gorm.ConnPool.
func (p patientPool) ExecContext(ctx context.Context, statement string, values ...any) (result sql.Result, err error) {
	err = p.db.again(ctx, func(ctx context.Context) error {
		result, err = p.DB.ExecContext(ctx, statement, values...)
		return err
	})
	return result, err
}

// QueryContext implements gorm.ConnPool.
func (p patientPool) QueryContext(ctx context.Context, statement string, values ...any) (rows *sql.Rows, err error) {
	ctx, cancel, err := p.db.carry(ctx)
	if err != nil {
		return nil, err
	}
	context.AfterFunc(ctx, cancel) // not before: the rows are still to be read
	err = repeat(ctx, func() error {
		rows, err = p.DB.QueryContext(ctx, statement, values...)
		return err
	})
	return rows, err
}

// QueryRowContext implements gorm.ConnPool.
func (p patientPool) QueryRowContext(ctx context.Context, statement string, values ...any) *sql.Row {
	if bounded, cancel, err := p.db.carry(ctx); err == nil {
		context.AfterFunc(bounded, cancel)
		ctx = bounded
	}
	return p.DB.QueryRowContext(ctx, statement, values...)
}
