package sql

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
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
	if config.DefaultQueryExecMode == pgx.QueryExecModeDescribeExec {
		return nil, errDescribeExec
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = connectTimeout / time.Duration(len(pgurl.Addresses(config)))
	}
	return config, nil
}

// errDescribeExec rejects the mode that compiles and executes an unnamed statement in two round trips: behind a pooler
// another client's statement can be executed.
var errDescribeExec = errors.New("default_query_exec_mode=describe_exec returns wrong rows behind a pooler: use exec")

// newPostgreSQL creates the one pool. It does not connect.
func newPostgreSQL(options Options) (*DB, error) {
	config, err := parsePostgreSQL(options.URL)
	if err != nil {
		return nil, err
	}
	db := &DB{dialect: dialectPostgreSQL, config: config, timeout: defaultTimeout}
	db.primary = &primary{db: db}
	watched := db.primary.watch(config)
	pool := stdlib.OpenDB(*config, watched)
	connections := options.Connections
	if connections <= 0 {
		connections = DefaultConnections
	}
	pool.SetMaxOpenConns(connections)
	pool.SetMaxIdleConns(connections)
	pool.SetConnMaxLifetime(connectionLifetime)
	db.read, err = gorm.Open(postgres.New(postgres.Config{Conn: timeoutPool{pool, db}, WithoutReturning: true}),
		settings())
	db.write = db.read
	return db, err
}

// connectionSettings override a stricter default of the server, which would roll back single statements without need,
// and let the server release the row locks of a process that vanished. They are not needed for correctness. The modes
// for poolers do without them, since they would stay on a connection that other programs use next.
const connectionSettings = "SET default_transaction_isolation = 'read committed'; SET " +
	"idle_in_transaction_session_timeout = '10s'"

// The SQLSTATEs that an operator has to know about (PostgreSQL documentation, appendix A).
const (
	readOnlyTransaction = "25006"
	tooManyConnections  = "53300"
)

const (
	readOnlyAdvice = "let database.url (LINGPAI_DATABASE_URL) lead to the primary; if it names several hosts, add " +
		"target_session_attrs=read-write; if the server is the primary, turn default_transaction_read_only off"
	connectionsAdvice = "raise max_connections of PostgreSQL, or the CONNECTION LIMIT of the role or the database; " +
		"or lower database.connections (LINGPAI_DATABASE_CONNECTIONS) of each process"
)

// errReadOnly means that the database cannot be written. An error that wraps it says why.
var errReadOnly = errors.New("read-only")

// explainPostgreSQL is Explain for errors of PostgreSQL.
func explainPostgreSQL(err error) (found, advice string) {
	failure, _ := errors.AsType[*pgconn.PgError](err)
	switch {
	case errors.Is(err, errReadOnly):
		return err.Error(), readOnlyAdvice
	case errors.Is(err, pgconn.ErrReadOnlyConnection), errors.Is(err, pgconn.ErrStandbyConnection),
		failure != nil && failure.Code == readOnlyTransaction:
		return errReadOnly.Error() + ": PostgreSQL accepts no writes", readOnlyAdvice
	case failure != nil && failure.Code == tooManyConnections:
		return "PostgreSQL accepts no more connections", connectionsAdvice
	}
	return "", ""
}

// primary follows the server that accepts writes, which is another one after a failover.
type primary struct {
	db              *DB
	generation      atomic.Int64 // of the connections: older ones are closed instead of being used again
	renewed, logged throttle
}

const (
	renewPeriod = time.Second      // so that a server that stays read-only is not flooded with new connections
	logPeriod   = 10 * time.Second // between lines in the log
)

// generationKey is the name of a connection's generation among its custom data.
const generationKey = "generation"

// watch prepares each connection and observes the errors that it receives.
func (p *primary) watch(config *pgx.ConnConfig) stdlib.OptionOpenDB {
	config.AfterConnect = func(ctx context.Context, connection *pgconn.PgConn) error {
		connection.CustomData()[generationKey] = p.generation.Load()
		if config.DefaultQueryExecMode != pgx.QueryExecModeCacheStatement {
			return nil
		}
		_, err := connection.Exec(ctx, connectionSettings).ReadAll()
		return err
	}
	usable := config.OnPgError
	config.OnPgError = func(connection *pgconn.PgConn, failure *pgconn.PgError) bool {
		p.observe(failure)
		return usable(connection, failure)
	}
	return stdlib.OptionResetSession(func(_ context.Context, connection *pgx.Conn) error {
		if connection.PgConn().CustomData()[generationKey] != p.generation.Load() {
			return driver.ErrBadConn
		}
		return nil
	})
}

// observe replaces the connections if the server is read-only, and logs what an operator should know.
func (p *primary) observe(failure *pgconn.PgError) {
	if failure.Code == readOnlyTransaction {
		p.renew()
	}
	if found, advice := explainPostgreSQL(failure); found != "" && p.logged.allow(logPeriod) {
		p.db.logger.Error(found, "error", failure.Error(), "to_do", advice)
	}
}

// renew lets new connections replace all existing ones. Those to a server that became read-only would last, although
// its name or address may lead to another one since.
func (p *primary) renew() {
	if p.renewed.allow(renewPeriod) {
		p.generation.Add(1)
	}
}

// check returns an errReadOnly if the server rejects writes. It also renews the connections, since nobody else does
// while nothing is written.
func (p *primary) check(ctx context.Context) error {
	var reason string
	err := one(p.db.read.WithContext(ctx).Raw("SELECT CASE WHEN pg_is_in_recovery() THEN 'the server is a standby' "+
		"WHEN current_setting('transaction_read_only') = 'on' THEN 'default_transaction_read_only is on' ELSE '' END"),
		&reason)
	if err != nil || reason == "" {
		return err
	}
	p.renew()
	return fmt.Errorf("%w: %s", errReadOnly, reason)
}

// throttle lets something happen once in a period.
type throttle struct{ last atomic.Int64 }

// allow reports whether the last time that it returned true was at least a period ago.
func (t *throttle) allow(period time.Duration) bool {
	now, last := time.Now().UnixNano(), t.last.Load()
	return now-last >= int64(period) && t.last.CompareAndSwap(last, now)
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
	ctx, cancel, err := withTimeout(ctx, p.db.timeout)
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
	if bounded, cancel, err := withTimeout(ctx, p.db.timeout); err == nil {
		context.AfterFunc(bounded, cancel)
		ctx = bounded
	}
	return p.DB.QueryRowContext(ctx, statement, values...)
}

// ErrPooler means that a pooler executes the statements of one connection over several ones to PostgreSQL, which do not
// have the same prepared statements.
var ErrPooler = errors.New("a pooler in front of PostgreSQL does not keep prepared statements; add " +
	"default_query_exec_mode=exec to the parameters of database.url (LINGPAI_DATABASE_URL)")

// CheckPooler returns ErrPooler if there is such a pooler. It prepares and executes the same statement over two
// connections: a pooler that is not busy prepares it twice over the same one, and a busy one executes it where it was
// not prepared, with a probability of three quarters or more for each connection.
func CheckPooler(ctx context.Context, db *DB) error {
	if db.primary == nil { // SQLite
		return nil
	}
	ctx, cancel, err := withTimeout(ctx, db.timeout)
	if err != nil {
		return err
	}
	defer cancel()
	pool, err := db.write.DB()
	if err != nil {
		return err
	}
	for range min(2, pool.Stats().MaxOpenConnections) {
		connection, err := pool.Conn(ctx)
		if err != nil {
			return advised(err)
		}
		defer connection.Close() // at the end, so that the second one is another
		var one int
		if err := connection.QueryRowContext(ctx, "SELECT $1::int", 1).Scan(&one); err != nil {
			return advised(err)
		}
	}
	return nil
}

// advised adds to an error that a pooler causes what to do about it.
func advised(err error) error {
	failure, ok := errors.AsType[*pgconn.PgError](err)
	switch {
	case !ok:
		return err
	case failure.Code == "42P05" || failure.Code == "26000": // duplicate_prepared_statement, invalid_sql_statement_name
		return fmt.Errorf("%w: %w", ErrPooler, err)
	case strings.HasPrefix(failure.Message, "unsupported startup parameter"): // PgBouncer
		return fmt.Errorf("%w; remove the parameter from database.url and set it for the role: ALTER ROLE … SET …", err)
	}
	return err
}
