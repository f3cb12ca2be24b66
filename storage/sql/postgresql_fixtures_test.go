package sql

import (
	"cmp"
	"context"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// openURL opens a PostgreSQL database. connections 0 means the default.
func openURL(t testing.TB, database string, connections int) *DB {
	t.Helper()
	db, err := Open(t.Context(), Options{URL: database, Connections: connections, Ring: newRing(t)})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, db.Close()) })
	db.timeout = time.Minute // a busy machine may need more than the default; see failuresOf for the other tests
	return db
}

// openMigratedURL opens and migrates a PostgreSQL database.
func openMigratedURL(t testing.TB, database string, connections int) *DB {
	t.Helper()
	db := openURL(t, database, connections)
	_, err := db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	return db
}

var migrated = dbtest.Template{Prepare: func(t testing.TB, database string) {
	db, err := Open(t.Context(), Options{URL: database})
	require.NoError(t, err)
	_, err = db.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Close())
}}

// openPostgreSQL opens a migrated database for the test alone, and returns its URL.
func openPostgreSQL(t testing.TB) (*DB, string) {
	t.Helper()
	database := migrated.Copy(t)
	return openURL(t, database, 0), database
}

// with returns a URL with one more option.
func with(t testing.TB, database, option, value string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	query := u.Query()
	query.Set(option, value)
	u.RawQuery = query.Encode()
	return u.String()
}

// operator is a separate connection to the database.
type operator struct {
	t          testing.TB
	connection *pgx.Conn
}

func newOperator(t testing.TB, database string) operator {
	t.Helper()
	connection, err := pgx.Connect(t.Context(), database)
	require.NoError(t, err)
	t.Cleanup(func() { _ = connection.Close(context.Background()) })
	return operator{t, connection}
}

func (o operator) do(statement string, values ...any) {
	o.t.Helper()
	_, err := o.connection.Exec(o.t.Context(), statement, values...)
	require.NoError(o.t, err, statement)
}

func (o operator) number(query string, values ...any) (number int64) {
	o.t.Helper()
	require.NoError(o.t, o.connection.QueryRow(o.t.Context(), query, values...).Scan(&number), query)
	return number
}

// onEveryConnection executes a statement on every connection that a handle can have.
func onEveryConnection(t testing.TB, db *DB, statement string) {
	t.Helper()
	pool, err := db.write.DB()
	require.NoError(t, err)
	for range pool.Stats().MaxOpenConnections {
		connection, err := pool.Conn(t.Context())
		require.NoError(t, err)
		defer connection.Close() // at the end, so that each round gets another connection
		_, err = connection.ExecContext(t.Context(), statement)
		require.NoError(t, err)
	}
}

// call is one call of a store.
type call struct {
	name string
	do   func(ctx context.Context) error
}

// errorOf drops the result of a call.
func errorOf[V any](_ V, err error) error { return err }

func errorOfTwo[V, W any](_ V, _ W, err error) error { return err }

// reads returns calls that write nothing; see calls.
func reads(db *DB, session identity.Session) []call {
	return []call{
		{"Ping", db.Ping},
		{"Clock", func(ctx context.Context) error { return errorOf(db.Clock(ctx)) }},
		{"Schema.Check", db.Schema().Check},
		{"Users.Find", func(ctx context.Context) error { return errorOf(db.Users().Find(ctx, session.UserID)) }},
		{"Users.List", func(ctx context.Context) error { return errorOf(db.Users().List(ctx, "", 10)) }},
		{"Accounts.List", func(ctx context.Context) error {
			return errorOf(db.Accounts().List(ctx, session.UserID))
		}},
		{"Profiles.Find", func(ctx context.Context) error { return errorOf(db.Profiles().Find(ctx, session.UserID)) }},
		{"Sessions.Find", func(ctx context.Context) error { return errorOfTwo(db.Sessions().Find(ctx, session.ID)) }},
		{"Sessions.List", func(ctx context.Context) error { return errorOf(db.Sessions().List(ctx, session.UserID)) }},
		{"BrowserSessions.Find", func(ctx context.Context) error {
			return errorOfTwo(db.BrowserSessions().Find(ctx, session.SecretHash))
		}},
		{"BrowserSessions.List", func(ctx context.Context) error {
			return errorOf(db.BrowserSessions().List(ctx, session.UserID))
		}},
		{"Consents.List", func(ctx context.Context) error { return errorOf(db.Consents().List(ctx, session.UserID)) }},
		{"Clients.List", func(ctx context.Context) error { return errorOf(db.Clients().List(ctx)) }},
		{"Apps.List", func(ctx context.Context) error { return errorOf(db.Apps().List(ctx)) }},
		{"Keys.Keys", func(ctx context.Context) error { return errorOf(db.Keys().Keys(ctx)) }},
		{"Events.List", func(ctx context.Context) error {
			return errorOf(db.Events().List(ctx, identity.EventsOf{}, 10))
		}},
		{"Marks.Marked", func(ctx context.Context) error { return errorOf(db.Marks().Marked(ctx, "name")) }},
	}
}

// calls returns all calls that a database serves at run time. Each can be repeated any number of times. They use one
// user's session.
func calls(db *DB, session identity.Session) []call {
	seen := func() identity.ExternalIdentity {
		account := identity.AccountKey{Platform: "p", App: "a", Subject: identity.NewSessionID()}
		return identity.ExternalIdentity{AccountKey: account, UnionID: account.Subject, OpenPlatform: "op"}
	}
	return append(reads(db, session)[:firstWrite:firstWrite], []call{
		{"Users.Create", func(ctx context.Context) error {
			return errorOf(db.Users().Create(ctx, identity.NewSessionID(), "hash"))
		}},
		{"Accounts.FindOrCreateUser", func(ctx context.Context) error {
			return errorOfTwo(db.Accounts().FindOrCreateUser(ctx, seen()))
		}},
		{"Users.SetUsername", func(ctx context.Context) error {
			user, err := db.Users().Find(ctx, session.UserID)
			if err != nil {
				return err
			}
			return db.Users().SetUsername(ctx, user.ID, cmp.Or(user.Username, "n"+identity.NewSessionID()))
		}},
		{"Accounts.Link", func(ctx context.Context) error {
			link := seen()
			link.App = link.Subject // since a user has one account at each app
			return db.Accounts().Link(ctx, session.UserID, link)
		}},
		{"Profiles.Choose", func(ctx context.Context) error {
			return db.Profiles().Choose(ctx, session.UserID, identity.Profile{Name: identity.NewSessionID()})
		}},
		{"Profiles.SetPhone", func(ctx context.Context) error {
			return db.Profiles().SetPhone(ctx, session.UserID, identity.Phone{Number: "+8613800000000", Verified: true})
		}},
		{"Users.Enable", func(ctx context.Context) error { return db.Users().Enable(ctx, session.UserID) }},
		{"Sessions.Open", func(ctx context.Context) error {
			return errorOf(db.Sessions().Open(ctx, newSession(identity.User{ID: session.UserID}), session0Epoch,
				lifetimes(), 5))
		}},
		{"Sessions.Rotate", func(ctx context.Context) error {
			return errorOf(db.Sessions().Rotate(ctx, rotated(session), session.Generation))
		}},
		{"Sessions.EndSince", func(ctx context.Context) error {
			return errorOf(db.Sessions().EndSince(ctx, time.Now().Add(time.Hour), identity.EndedByOperator))
		}},
		{"Sessions.Prune", func(ctx context.Context) error {
			return errorOfTwo(db.Sessions().Prune(ctx, time.Hour, 3))
		}},
		{"BrowserSessions.Open", func(ctx context.Context) error {
			return errorOf(db.BrowserSessions().Open(ctx, newBrowserSession(session.UserID), lifetimes(), ""))
		}},
		{"BrowserSessions.Touch", func(ctx context.Context) error {
			return db.BrowserSessions().Touch(ctx, session.ID, time.Hour)
		}},
		{"BrowserSessions.Prune", func(ctx context.Context) error {
			return errorOf(db.BrowserSessions().Prune(ctx, time.Hour, 3))
		}},
		{"Consents.Grant", func(ctx context.Context) error {
			return db.Consents().Grant(ctx, identity.Consent{UserID: session.UserID, ClientID: "client"})
		}},
		{"Clients.Create", func(ctx context.Context) error {
			return db.Clients().Create(ctx, identity.Client{ID: identity.NewClientID()})
		}},
		{"Apps.Add", func(ctx context.Context) error { return db.Apps().Add(ctx, newApp(identity.NewClientID())) }},
		{"Events.Record", func(ctx context.Context) error {
			return db.Events().Record(ctx, identity.Event{Kind: "kind"})
		}},
		{"Marks.Mark", func(ctx context.Context) error {
			return db.Marks().Mark(ctx, "name", identity.NewSessionID())
		}},
	}...)
}

// firstWrite is the index in calls of the first one that writes.
const firstWrite = 17

// session0Epoch is the epoch of a user whose sessions were never ended.
const session0Epoch = 0

// atOnce makes calls in parallel, and returns the error of each and the duration of the longest.
func atOnce(ctx context.Context, calls []call) (failures map[string]error, longest time.Duration) {
	var mutex sync.Mutex
	var running sync.WaitGroup
	failures = map[string]error{}
	for _, call := range calls {
		running.Go(func() {
			start := time.Now()
			err := call.do(ctx)
			mutex.Lock()
			defer mutex.Unlock()
			failures[call.name], longest = err, max(longest, time.Since(start))
		})
	}
	running.Wait()
	return failures, longest
}
