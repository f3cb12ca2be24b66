package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

// serves starts serve on a free port and returns its base URL when it listens.
func (o *operator) serves(args ...string) (*process, string) {
	o.t.Helper()
	p := o.with("LINGPAI_SERVER_ADDR=127.0.0.1:0").start(append([]string{"serve"}, args...)...)
	return p, fmt.Sprintf("http://%s", p.logged("serving")["addr"])
}

// simulates starts a simulator with the tests' app, and returns its base URL.
func (o *shell) simulates() string {
	o.t.Helper()
	p := o.start("wechat-simulator", "--addr", "127.0.0.1:0", "--app", appID+":"+simSecret)
	return strings.TrimSpace(strings.TrimPrefix(p.line(), "WeChat simulator: "))
}

func TestServeRefusesToStartWithASentenceThatHelps(t *testing.T) {
	o := newOperator(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	message := newOperator(t).refused("serve")
	require.Contains(t, message, "server.issuer (LINGPAI_SERVER_ISSUER): it is required")
	require.Contains(t, message, "master_key (LINGPAI_MASTER_KEY): it is required")
	require.Contains(t, message, "lingpai keys new-master-key")

	o = o.with("LINGPAI_MASTER_KEY=" + aKey)
	require.Contains(t, o.refused("serve"), "create one with: lingpai migrate up")
	o.write("lingpai.db", "")
	require.Contains(t, o.refused("serve"), "lingpai migrate up")
	o.ok("migrate", "up")
	for _, issuer := range []string{"http://login.example.com", "http://192.168.1.20:8080"} {
		require.Contains(t, o.with("LINGPAI_SERVER_ISSUER="+issuer).refused("serve"), "must be https")
	}
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer occupied.Close()
	require.Contains(t, o.refused("serve", "--server-addr", occupied.Addr().String()), "server.addr: ")
}

func TestServeReportsThatRedisDoesNotAnswer(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com",
		"LINGPAI_REDIS_URL=redis://user:hidden-password@127.0.0.1:1")
	p, _ := o.serves()
	p.logged("server.trusted_proxies is empty: all callers behind the proxy that terminates TLS count as one " +
		"address, and share one limit on passwords")
	p.logged("Redis does not answer: until it does, passwords, registrations, phone numbers and calls that need " +
		"a session key are refused")
	require.NotContains(t, p.Log(), "hidden-password")
	require.NoError(t, p.stop())
}

func TestServeRefusesAMasterKeyThatDoesNotOpenTheDatabase(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	p, _ := o.serves()
	require.NoError(t, p.stop())
	message := o.with("LINGPAI_MASTER_KEY=" + aKey).refused("serve")
	require.Contains(t, message, "master_key (LINGPAI_MASTER_KEY)")
	require.NotContains(t, message, "AAAA")
	p, _ = o.serves() // the wrong key did no harm
	require.NoError(t, p.stop())
}

func TestServeWarnsAtEveryStartThatOthersOnTheNetworkCanListen(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=http://192.168.1.20:8080")
	for range 2 {
		p, base := o.serves("--server-allow-insecure-http", "true")
		p.logged("the issuer is http on a private address: everybody on this network can read tokens; for " +
			"development only")
		require.Equal(t, "http://192.168.1.20:8080", get(t, base+"/.well-known/openid-configuration").text("issuer"))
		require.NoError(t, p.stop())
	}
}

// inFlight starts serve with a request that waits for a slow WeChat, and returns a channel for its response.
func inFlight(t *testing.T, delay time.Duration) (*process, chan int) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	simulator := o.simulates()
	o = o.with("LINGPAI_WECHAT_BASE_URL="+simulator, "LINGPAI_WECHAT_TIMEOUT=10s") // the longest
	o.okWith(simSecret, "apps", "add", appID)
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID, "--audience", audience)
	p, base := o.serves()
	p.logged("wechat.base_url is not WeChat: only simulated apps can sign in")
	code := postJSON(t, simulator+"/_sim/codes", `{"appid":"`+appID+`","user":"bob"}`).text("code")
	slow := fmt.Sprintf(`{"path":"/sns/jscode2session","delay_ms":%d}`, delay.Milliseconds())
	require.Equal(t, http.StatusOK, postJSON(t, simulator+"/_sim/faults", slow).status)
	answered := make(chan int, 1)
	go func() {
		form := url.Values{"grant_type": {"wechat_code"}, "client_id": {"shop"}, "code": {code}}
		response, err := http.PostForm(base+"/token", form)
		if err != nil {
			answered <- 0
			return
		}
		response.Body.Close()
		answered <- response.StatusCode
	}()
	require.Eventually(t, func() bool { // the simulator has the code, so the request is in flight
		paths, _ := get(t, simulator+"/_sim/requests").members["paths"].(map[string]any)
		return paths["/sns/jscode2session"] != nil
	}, patience, 10*time.Millisecond)
	return p, answered
}

func TestServeAnswersWhatIsInFlightBeforeItEnds(t *testing.T) {
	p, answered := inFlight(t, 700*time.Millisecond)
	require.NoError(t, p.stop(), "a stop that was asked for is no error")
	require.Equal(t, http.StatusOK, <-answered)
}

// TestARollingRestartRefusesNobody behind a load balancer that sends requests only to servers that are ready.
func TestARollingRestartRefusesNobody(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com", "LINGPAI_SERVER_SHUTDOWN_DELAY=3s")
	first, one := o.serves()
	_, two := o.serves()
	var ready atomic.Pointer[string]
	var answered, refused atomic.Int64
	ready.Store(&one)
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	ask := func(address string) bool {
		response, err := client.Get(address)
		if err == nil {
			response.Body.Close()
		}
		return err == nil && response.StatusCode == http.StatusOK
	}
	done := make(chan struct{})
	var running sync.WaitGroup
	repeat := func(pause time.Duration, do func()) {
		running.Go(func() {
			for {
				select {
				case <-done:
					return
				case <-time.After(pause):
					do()
				}
			}
		})
	}
	repeat(200*time.Millisecond, func() { // the load balancer's probes, between which there are many requests
		for _, base := range []string{two, one} {
			if ask(base + "/readyz") {
				ready.Store(&base)
			}
		}
	})
	repeat(5*time.Millisecond, func() {
		if ask(*ready.Load() + "/.well-known/jwks.json") {
			answered.Add(1)
		} else {
			refused.Add(1)
		}
	})
	enough := func() {
		before := answered.Load()
		require.Eventually(t, func() bool { return answered.Load() > before+10 }, patience, time.Millisecond)
	}
	enough()
	require.NoError(t, first.stop())
	enough()
	close(done)
	running.Wait()
	require.Zero(t, refused.Load())
}

func TestASecondSignalEndsServeAtOnce(t *testing.T) {
	p, answered := inFlight(t, time.Minute)
	require.NoError(t, p.Signal(syscall.SIGTERM))
	require.Eventually(t, func() bool {
		_ = p.Signal(syscall.SIGTERM)
		select {
		case <-p.Ended():
			return true
		default:
			return false
		}
	}, patience, 50*time.Millisecond)
	require.Zero(t, <-answered)
}

func TestHealthAndReadiness(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	_, base := o.serves()
	require.Equal(t, http.StatusOK, get(t, base+"/healthz").status)
	ready := get(t, base+"/readyz")
	require.Equal(t, http.StatusOK, ready.status)
	require.Contains(t, ready.members["checks"], map[string]any{"name": "signatures", "ok": true,
		"note": keys.BuiltBackend()})
	for _, check := range ready.members["checks"].([]any) {
		require.NotEqual(t, "wechat", check.(map[string]any)["name"], "nothing is said of WeChat when it is WeChat")
	}
}
