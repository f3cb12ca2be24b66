package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const fleetIssuer = "https://login.example.com"

// fleet is two replicas of the built program with one PostgreSQL and one Redis, and a client that calls them in turn.
type fleet struct {
	*operator
	simulator *wechattest.Simulator
	replicas  [2]*replica
	turn      atomic.Uint64
}

// replica is one process of a fleet.
type replica struct {
	o       *operator
	addr    string
	process *e2e.Process
}

func newFleet(t *testing.T, database, redis, keyPrefix string, env ...string) *fleet {
	t.Helper()
	f := &fleet{simulator: wechattest.New(wechattest.Options{})}
	require.NoError(t, f.simulator.AddApp(wechattest.App{AppID: appID, Secret: simSecret}))
	simulator := httptest.NewServer(f.simulator)
	t.Cleanup(simulator.Close)
	f.operator = migrated(t, append([]string{"LINGPAI_SERVER_ISSUER=" + fleetIssuer, "LINGPAI_DATABASE_URL=" +
		database, "LINGPAI_REDIS_URL=" + redis,
		"LINGPAI_REDIS_KEY_PREFIX=" + keyPrefix, "LINGPAI_WECHAT_BASE_URL=" + simulator.URL,
		"LINGPAI_LOG_LEVEL=warn"}, env...)...)
	f.okWith(simSecret, "apps", "add", appID)
	f.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--grant", "refresh_token", "--app",
		appID, "--audience", audience)
	for n := range f.replicas {
		f.replicas[n] = &replica{o: f.operator, addr: freeAddr(t)}
		require.NoError(t, f.replicas[n].start())
		t.Cleanup(f.replicas[n].kill)
	}
	return f
}

// onOwnServers returns a fleet whose servers its test may stop.
func onOwnServers(t *testing.T) (*fleet, *dbtest.PostgreSQLServer, *dbtest.RedisServer) {
	t.Helper()
	postgres, redis := dbtest.TemporaryPostgreSQL(t), dbtest.RestartableRedis(t)
	return newFleet(t, postgres.URL(), redis.URL(), "lingpai:"), postgres, redis
}

// onSharedServers returns a fleet with its own database and its own prefix in Redis.
func onSharedServers(t *testing.T, env ...string) *fleet {
	t.Helper()
	redis, keyPrefix := dbtest.Redis(t)
	return newFleet(t, dbtest.PostgreSQL(t), redis, keyPrefix, env...)
}

// lastPort is the port that freeAddr returned last. It begins at random, for the tests of other packages.
var lastPort atomic.Uint32

func init() { lastPort.Store(uint32(10_000 + rand.IntN(10_000))) }

// freeAddr returns an address for a process that is killed and restarted. It is not one that systems give to those who
// do not ask for a port, since another test could get it meanwhile.
func freeAddr(t *testing.T) string {
	t.Helper()
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 10_000+lastPort.Add(1)%20_000)
		listener, err := net.Listen("tcp", addr)
		if errors.Is(err, syscall.EADDRINUSE) {
			continue
		}
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		return addr
	}
}

// start starts the process and waits until it is ready. It may be called from any goroutine.
func (r *replica) start() error {
	command := r.o.with("LINGPAI_SERVER_ADDR="+r.addr).command(context.Background(), "serve")
	_, port, _ := strings.Cut(r.addr, ":")
	var err error
	if r.process, err = e2e.Start(command, filepath.Join(r.o.folder, "replica-"+port+".log")); err != nil {
		return err
	}
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		response, err := http.Get("http://" + r.addr + "/readyz")
		if err != nil {
			continue
		}
		response.Body.Close()
		if response.StatusCode == http.StatusOK {
			return nil
		}
	}
	return errors.New("the replica does not get ready: " + r.process.Log())
}

// kill ends the process like kill -9.
func (r *replica) kill() { r.process.Kill() }

// token requests a token from one replica.
func (r *replica) token(key string, pairs ...string) (answered, error) {
	form := url.Values{"client_id": {"shop"}}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	request, err := http.NewRequest(http.MethodPost, "http://"+r.addr+"/token", strings.NewReader(form.Encode()))
	if err != nil {
		return answered{}, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if key != "" {
		request.Header.Set("Idempotency-Key", key)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return answered{}, err
	}
	defer response.Body.Close()
	a := answered{status: response.StatusCode, retryAfter: response.Header.Get("Retry-After")}
	return a, json.NewDecoder(response.Body).Decode(&a.members)
}

// answered is the response of a replica.
type answered struct {
	status     int
	retryAfter string
	members    struct {
		AccessToken  string `json:"access_token"`
		RefreshToken string `json:"refresh_token"`
		Error        string `json:"error"`
	}
}

// unavailable reports whether the response is a well-formed "try again later".
func (a answered) unavailable() bool {
	return a.status == http.StatusServiceUnavailable && a.members.Error == "temporarily_unavailable" &&
		a.retryAfter != ""
}

// ask calls the replicas in turn until one answers, as a client behind a load balancer does.
func (f *fleet) ask(key string, pairs ...string) (string, error) {
	deadline := time.Now().Add(patience)
	for {
		a, err := f.replicas[f.turn.Add(1)%2].token(key, pairs...)
		switch {
		case err == nil && a.status == http.StatusOK:
			return a.members.RefreshToken, nil
		case err == nil && !a.unavailable():
			return "", fmt.Errorf("%d %s", a.status, a.members.Error)
		case time.Now().After(deadline):
			return "", fmt.Errorf("nobody answers: %w", err)
		}
		time.Sleep(5 * time.Millisecond) // the client gets no response
	}
}

func (f *fleet) code(user string) string {
	f.t.Helper()
	code, err := f.simulator.MintCode(appID, user)
	require.NoError(f.t, err)
	return code
}

// shared opens what the replicas share, for the test.
func (f *fleet) shared() (*sql.DB, *tokens.Issuer) {
	f.t.Helper()
	ring, err := keys.ParseRing(f.variable("LINGPAI_MASTER_KEY"))
	require.NoError(f.t, err)
	db, err := sql.Open(context.Background(), sql.Options{URL: f.variable("LINGPAI_DATABASE_URL"), Ring: ring})
	require.NoError(f.t, err)
	f.t.Cleanup(func() { db.Close() })
	keeper, err := keys.Open(context.Background(), db.Keys(), ring, keys.Options{Now: time.Now})
	require.NoError(f.t, err)
	return db, tokens.New(tokens.Config{Issuer: fleetIssuer, Keys: keeper, Sessions: db.Sessions(), Users: db.Users(),
		Accounts: db.Accounts(),
		Profiles: db.Profiles(), Now: time.Now})
}
