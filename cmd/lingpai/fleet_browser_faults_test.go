package main

import (
	stdsql "database/sql"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"path/filepath"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// browserVisits is how many more visits are made, at random: go test ./cmd/lingpai -run FaultsWhile -browser.visits 300
var browserVisits = flag.Int("browser.visits", 0, "visits of browsers with a random fault before each step")

// faults happen to replicas and their Redis, between any two steps of a browser and its clients.
type faults struct {
	*fleet
	redis *dbtest.RedisServer // nil: none
	gone  bool                // Redis was killed
	lost  int                 // answers, of replicas that were killed
	ended []string            // sessions that clients must be told about
}

// fault is what happens before a step that a replica is about to answer.
type fault struct {
	name   string
	happen func(f *faults, next *replica) error
	during bool // the replica is killed while it answers, or before, or after
}

var (
	noFault   = fault{name: "nothing", happen: func(*faults, *replica) error { return nil }}
	restarted = fault{name: "the replica was killed and restarted", happen: func(_ *faults, next *replica) error {
		next.kill()
		return next.start()
	}}
	killedMeanwhile = fault{name: "the replica is killed", happen: noFault.happen, during: true}
	redisFlushed    = fault{name: "Redis was flushed", happen: func(f *faults, _ *replica) error {
		if err := f.restoreRedis(); err != nil {
			return err
		}
		client := goredis.NewClient(&goredis.Options{Addr: f.redis.Address()})
		defer client.Close()
		return client.FlushAll(f.t.Context()).Err()
	}}
	redisRestarted = fault{name: "Redis was killed and restarted", happen: func(f *faults, _ *replica) error {
		f.killRedis()
		return f.restoreRedis()
	}}
	redisGone = fault{name: "Redis was killed", happen: func(f *faults, _ *replica) error { f.killRedis(); return nil }}
)

func (f *faults) killRedis() {
	f.redis.Kill()
	f.gone = true
}

func (f *faults) restoreRedis() error {
	if !f.gone {
		return nil
	}
	f.gone = false
	return f.redis.Start()
}

// make makes a visit: each step at the other replica, and a fault before each step.
func (f *faults) make(t *testing.T, v *visit, turn int, happening func(step int) fault) {
	t.Helper()
	for n, step := range visitSteps {
		fault := happening(n)
		t.Logf("%s: %s", step.name, fault.name)
		replica, other := f.replicas[turn%2], f.replicas[(turn+1)%2]
		turn++
		require.NoError(t, fault.happen(f, replica))
		asked := step.ask(v)
		answer, err := f.deliver(v, replica, other, asked, fault.during)
		require.NoError(t, err)
		if step.name == counted && f.gone {
			require.Equal(t, http.StatusServiceUnavailable, answer.status)
			require.Contains(t, answer.body, `id="problem"`, "the page says what to do")
			require.NoError(t, f.restoreRedis())
			answer, err = v.send(replica, asked)
			require.NoError(t, err)
		}
		step.take(v, answer)
	}
}

// deliver sends a request to a replica. If that one is killed meanwhile, browsers, users and clients try again at the
// other.
func (f *faults) deliver(v *visit, r, other *replica, q question, kill bool) (shown, error) {
	answer, err := f.send(v, r, q, kill)
	if kill && err != nil {
		f.lost++
		return v.send(other, q)
	}
	return answer, err
}

// send sends a request to a replica. If it is to be killed, that happens at some time during the request.
func (f *faults) send(v *visit, r *replica, q question, kill bool) (answer shown, err error) {
	if !kill {
		return v.send(r, q)
	}
	answered := make(chan struct{})
	go func() {
		answer, err = v.send(r, q)
		close(answered)
	}()
	time.Sleep(time.Duration(rand.IntN(5000)) * time.Microsecond)
	r.kill()
	<-answered
	require.NoError(v.t, r.start())
	return answer, err
}

// withClients registers the two clients and the user, and returns what the clients were told.
func (f *faults) withClients(t *testing.T) *toldSessions {
	t.Helper()
	told := newToldSessions(t)
	create := func(id string, more ...string) {
		f.ok(append([]string{"clients", "create", id, "--public", "--grant", "authorization_code", "--grant",
			"refresh_token", "--scope", "openid", "--redirect-uri", callback, "--post-logout-redirect-uri", goodbye,
			"--backchannel-logout-uri", told.URL}, more...)...)
	}
	create("partner", "--consent", "always")
	create("site", "--first-party")
	f.okWith(goodPassword, "users", "create", "alice")
	return told
}

// visits makes a visit for each kind of fault, so that together they have each fault before each step, and more at
// random. Nobody has to sign in again, no code works twice, what has ended stays ended, and clients are told.
func (f *faults) visits(t *testing.T, driver, database string, all ...fault) {
	t.Helper()
	told := f.withClients(t)
	try := func(name string, turn int, happening func(step int) fault) {
		t.Run(name, func(t *testing.T) {
			v := newVisit(t, "alice")
			f.make(t, v, turn, happening)
			f.ended = append(f.ended, v.told...)
		})
	}
	for first := range all {
		try("first "+all[first].name, first, func(step int) fault { return all[(first+step)%len(all)] })
	}
	for n := range *browserVisits {
		try(fmt.Sprint("random ", n), n, func(int) fault { return all[rand.IntN(len(all))] })
	}
	t.Logf("%d answers were lost", f.lost)
	connection, err := stdsql.Open(driver, database)
	require.NoError(t, err)
	defer connection.Close()
	_, err = connection.ExecContext(t.Context(), "UPDATE logout_notices SET due_at = 0") // all leases are over
	require.NoError(t, err)
	told.requireAll(t, f.ended)
}

// withoutPasswordLimit has an issuer whose clients may be on loopback, and counts no attempts that are too many.
var withoutPasswordLimit = []string{"LINGPAI_SERVER_ISSUER=http://127.0.0.1:1", "LINGPAI_PASSWORD_ADDRESS_ATTEMPTS=0"}

func TestFaultsWhileABrowserSignsIn(t *testing.T) {
	t.Parallel()
	database, redis := dbtest.PostgreSQL(t), dbtest.RestartableRedis(t)
	f := &faults{fleet: newFleet(t, database, redis.URL(), "lingpai:", withoutPasswordLimit...), redis: redis}
	f.visits(t, "pgx", database, noFault, restarted, killedMeanwhile, redisFlushed, redisRestarted, redisGone)
}

// TestFaultsWhileABrowserSignsInWithSQLite: there is one process, which also keeps in memory what Redis has elsewhere.
func TestFaultsWhileABrowserSignsInWithSQLite(t *testing.T) {
	t.Parallel()
	f := &faults{fleet: onlyReplica(t)}
	path := filepath.Join(f.folder, "lingpai.db") + "?_pragma=busy_timeout(60000)" // the server writes, too
	f.visits(t, "sqlite", path, noFault, restarted, killedMeanwhile)
}

// onlyReplica returns a fleet of one process with SQLite.
func onlyReplica(t *testing.T) *fleet {
	t.Helper()
	return onlyReplicaWith(t, withoutPasswordLimit)
}

// onlyReplicaWith is onlyReplica with settings.
func onlyReplicaWith(t *testing.T, env []string) *fleet {
	t.Helper()
	o := migrated(t, env...)
	only := &replica{o: o, addr: freeAddr(t)}
	require.NoError(t, only.start())
	t.Cleanup(only.kill)
	return &fleet{operator: o, replicas: [2]*replica{only, only}}
}
