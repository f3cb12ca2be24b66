package browser_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/http/httputil"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/test/harness"
)

// TestScansAtReplicas has a screen wait for a scan at servers that are killed, and that lose what is in Redis.
func TestScansAtReplicas(t *testing.T) {
	t.Parallel()
	r := newReplicas(t, harness.Chromium(t))
	for name, test := range map[string]func(r *replicas, v screen){
		"Killed": testScanAtKilledReplicas, "Flushed": testScanInFlushedRedis,
	} {
		t.Run(name, func(t *testing.T) {
			test(r, screen{r.walker(t, strings.ToLower(name))})
		})
	}
}

// testScanAtKilledReplicas kills the replica that a screen waits at, twice. The screen then waits at the other one,
// with the same code, and learns from there what the phone does at a third.
func testScanAtKilledReplicas(r *replicas, v screen) {
	handle, number := v.showCode("shop")
	phone := v.phone(v.user)
	phone.scan(handle)
	phone.signIn()
	phone.asked()
	for range len(r.servers) {
		at := r.waitsAt.Load()
		r.waits(v.t, at)
		r.servers[at].Kill()
		r.waits(v.t, 1-at)
		r.start(v.t, at)
	}
	require.Equal(v.t, handle, v.handle())
	phone.click("#number-" + number)
	require.Contains(v.t, phone.answered(), "屏幕上已登录")
	v.click("#scan-continue")
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// testScanInFlushedRedis loses the code while the screen waits: the phone is told that there is none, and the screen
// shows the next one by itself.
func testScanInFlushedRedis(r *replicas, v screen) {
	handle, number := v.showCode("shop")
	phone := v.phone(v.user)
	phone.scan(handle)
	phone.signIn()
	phone.asked()
	r.waits(v.t, r.waitsAt.Load())
	client := goredis.NewClient(&goredis.Options{Addr: r.redis.Address()})
	defer client.Close()
	require.NoError(v.t, client.FlushAll(v.t.Context()).Err())
	phone.click("#number-" + number)
	require.Contains(v.t, phone.answered(), "二维码已过期")

	handle, number = v.nextCode(handle)
	phone.scan(handle)
	phone.click("#number-" + number)
	require.Contains(v.t, phone.answered(), "屏幕上已登录")
	v.click("#scan-continue")
	require.Equal(v.t, v.user, v.name(v.redeem("shop", v.answer())))
}

// replicas are two processes with one PostgreSQL and one Redis, behind a proxy. Screens wait at one of them until it
// fails, and everything else goes to the other.
type replicas struct {
	*world
	redis   *dbtest.RedisServer
	waitsAt atomic.Int32
	waiting [2]atomic.Int32 // requests that were sent to each

	servers [2]*e2e.Process

	mutex   sync.Mutex
	targets [2]*url.URL
}

func newReplicas(t *testing.T, browser context.Context) *replicas {
	t.Helper()
	r := &replicas{redis: dbtest.RestartableRedis(t)}
	proxy := httptest.NewServer(r)
	t.Cleanup(proxy.Close)
	i := harness.Install(t, strings.Replace(proxy.URL, "127.0.0.1", "localhost", 1), "LINGPAI_BROWSER_SCAN=true",
		"LINGPAI_DATABASE_URL="+dbtest.PostgreSQL(t), "LINGPAI_REDIS_URL="+r.redis.URL())
	r.world = worldOf(t, browser, i)
	r.failing = regexp.MustCompile(`/sign-in/scan/wait\?\S* .* status of 502 `)
	for n := range r.servers {
		r.start(t, int32(n))
	}
	return r
}

// start starts a replica at another port, since the last one may be in use by now.
func (r *replicas) start(t *testing.T, n int32) {
	t.Helper()
	address := "127.0.0.1:" + harness.FreePort(t)
	r.servers[n] = r.Serve(address)
	r.mutex.Lock()
	defer r.mutex.Unlock()
	r.targets[n] = &url.URL{Scheme: "http", Host: address}
}

// waits returns when a screen waits at a replica.
func (r *replicas) waits(t *testing.T, n int32) {
	t.Helper()
	require.Eventually(t, func() bool { return r.waiting[n].Load() > 0 }, time.Minute, 10*time.Millisecond)
}

func (r *replicas) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	n, failed := r.waitsAt.Load(), func() {}
	if request.URL.Path == "/sign-in/scan/wait" {
		var sent atomic.Bool
		defer func() {
			if sent.Swap(true) {
				r.waiting[n].Add(-1)
			}
		}()
		request = request.WithContext(httptrace.WithClientTrace(request.Context(), &httptrace.ClientTrace{
			WroteRequest: func(info httptrace.WroteRequestInfo) {
				if info.Err == nil && !sent.Swap(true) {
					r.waiting[n].Add(1)
				}
			}}))
		failed = func() { r.waitsAt.CompareAndSwap(n, 1-n) }
	} else {
		n = 1 - n
	}
	r.mutex.Lock()
	proxy := httputil.NewSingleHostReverseProxy(r.targets[n])
	r.mutex.Unlock()
	proxy.ErrorHandler = func(w http.ResponseWriter, request *http.Request, _ error) {
		if request.Context().Err() == nil { // the browser still waits for the answer
			failed()
		}
		w.WriteHeader(http.StatusBadGateway)
	}
	proxy.ServeHTTP(w, request)
}
