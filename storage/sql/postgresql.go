package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"
	"gorm.io/driver/postgres"
	"gorm.io/gorm"

	"github.com/lingpai/lingpai/storage/sql/pgurl"
)

// DefaultConnections to PostgreSQL are enough for a process on a few cores: a refresh uses one for two short
// statements.
const DefaultConnections = 10

const (
	defaultTimeout     = 5 * time.Second  // for a statement or a transaction, including the wait for a connection
	connectTimeout     = 3 * time.Second  // for trying all hosts of the URL, unless it has connect_timeout
	connectionLifetime = 30 * time.Minute // so that connections reach another server after a failover
)

// parsePostgreSQL parses a URL; see [pgurl.Parse].
func parsePostgreSQL(databaseURL string) (*pgx.ConnConfig, error) {
	config, err := pgurl.Parse(databaseURL)
	if errors.Is(err, pgurl.ErrScheme) {
		return nil, fmt.Errorf("%w: %w", errURL, err)
	}
	if err != nil {
		return nil, err
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout / time.Duration(len(pgurl.Addresses(config)))
	}
	return config, nil
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
