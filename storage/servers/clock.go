package servers

import (
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// clockSchema has a clock_timestamp() that is found before PostgreSQL's own. A sequence holds how far it is ahead, in milliseconds, so that
// all connections see a move at once, also within transactions.
const clockSchema = `CREATE SCHEMA moved;
	CREATE SEQUENCE moved.ahead MINVALUE 0 START 0;
	CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
		$$ SELECT pg_catalog.clock_timestamp() + (SELECT last_value FROM moved.ahead) * interval '1 millisecond' $$`

// MovableClock gives a database a clock that a test moves forward, for whoever connects with the URL that it returns.
func MovableClock(t testing.TB, database string) (string, func(time.Duration)) {
	t.Helper()
	execute(t, database, clockSchema)
	own, err := url.Parse(database)
	require.NoError(t, err)
	query := own.Query()
	query.Set("search_path", "public,moved,pg_catalog")
	own.RawQuery = query.Encode()

	var moving sync.Mutex
	connection, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return own.String(), func(by time.Duration) {
		moving.Lock()
		defer moving.Unlock()
		_, err := connection.Exec(context.Background(), "SELECT setval('moved.ahead', (SELECT last_value FROM moved.ahead) + $1)", by.Milliseconds())
		require.NoError(t, err)
	}
}
