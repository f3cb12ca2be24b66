package dbtest

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// clockSchema defines a clock_timestamp() that takes precedence over PostgreSQL's own. A sequence holds the offset in
// milliseconds, so that all connections see a move immediately, even within transactions.
const clockSchema = `CREATE SCHEMA moved;
	CREATE SEQUENCE moved.ahead MINVALUE -1000000000000 START 0;
	CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
		$$ SELECT pg_catalog.clock_timestamp() + (SELECT last_value FROM moved.ahead) * interval '1 millisecond' $$`

// Clock moves the clock of a PostgreSQL database, for all its connections.
type Clock struct {
	t        testing.TB
	database string

	mutex      sync.Mutex
	connection *pgx.Conn
	ahead      time.Duration
}

// MovableClock gives a database a clock that a test can move. Connections that use the returned URL see it.
func MovableClock(t testing.TB, database string) (string, *Clock) {
	t.Helper()
	execute(t, database, clockSchema)
	own, err := url.Parse(database)
	require.NoError(t, err)
	query := own.Query()
	query.Set("search_path", "public,moved,pg_catalog")
	own.RawQuery = query.Encode()
	clock := &Clock{t: t, database: database}
	t.Cleanup(clock.Disconnect)
	return own.String(), clock
}

// Move moves the clock, forward or back. After a database has been restored from a copy, Move(0) sets its clock to the
// current offset again.
func (c *Clock) Move(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	ctx := context.Background()
	var err error
	if c.connection == nil {
		c.connection, err = pgx.Connect(ctx, c.database)
		require.NoError(c.t, err)
	}
	c.ahead += by
	_, err = c.connection.Exec(ctx, "SELECT setval('moved.ahead', $1)", c.ahead.Milliseconds())
	require.NoError(c.t, err)
}

// Disconnect closes the connection until the next move, since a database can be neither copied nor dropped while
// anybody is connected.
func (c *Clock) Disconnect() {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	if c.connection != nil {
		_ = c.connection.Close(context.Background())
		c.connection = nil
	}
}

// ProcessClock is the clock of a process under test. Moving it also moves the clock of the database. It runs in real
// time too, so that no two events have the same time.
type ProcessClock struct {
	Database *Clock // nil: the database has no clock
	ahead    atomic.Int64
}

// Now returns the time of the clock.
func (c *ProcessClock) Now() time.Time { return time.Now().Add(time.Duration(c.ahead.Load())) }

// Move moves both clocks.
func (c *ProcessClock) Move(by time.Duration) {
	c.ahead.Add(int64(by))
	if c.Database != nil {
		c.Database.Move(by)
	}
}
