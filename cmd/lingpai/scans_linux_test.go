package main

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

var (
	pendingScans = flag.Int("scans.pending", 200, "pages that wait in TestWaitingScreens")
	waitingFor   = flag.Duration("scans.for", 5*time.Second, "how long they wait")
)

// TestWaitingScreens has pages of browsers at 256 addresses show codes that nobody scans, and wait as their script
// does. The database gets no row. The log of the test has the processor time of the server, beside that of an idle one,
// and how long a screen waits for its phone; .ci/long scans measures 10 000 pages.
func TestWaitingScreens(t *testing.T) {
	redis, prefix := dbtest.Redis(t)
	for name, env := range map[string][]string{"memory": nil, "redis": {"LINGPAI_REDIS_URL=" + redis,
		"LINGPAI_REDIS_KEY_PREFIX=" + prefix}} {
		t.Run(name, func(t *testing.T) { screensWait(t, env) })
	}
}

func screensWait(t *testing.T, env []string) {
	count := affordable(t, *pendingScans)
	database := t.TempDir() + "/lingpai.db"
	o := migrated(t, append(env, "LINGPAI_DATABASE_URL=sqlite:"+database, "LINGPAI_LOG_LEVEL=info",
		"LINGPAI_BROWSER_SCAN=true", "LINGPAI_BROWSER_SCAN_NUMBER=off",
		fmt.Sprintf("LINGPAI_SERVER_CONNECTIONS=%d", count+500))...)
	o.ok("clients", "create", "shop", "--first-party", "--grant", "authorization_code", "--scope", "openid",
		"--redirect-uri", callback)
	o.ok("clients", "create", "phone", "--public", "--first-party", "--grant", "password", "--scope", "signin.approve",
		"--default-scope", "signin.approve")
	base, server := o.issuer()
	period := *waitingFor
	before := cpuTime(t, server.PID())
	time.Sleep(period)
	idle := cpuTime(t, server.PID()) - before

	screens := openScreens(t, base, count)
	rows := countRows(t, database)
	ctx, stop := context.WithCancel(t.Context())
	var waiting sync.WaitGroup
	var polls, changed atomic.Int64
	for _, s := range screens[1:] {
		waiting.Go(func() { s.wait(ctx, &polls, &changed) })
	}
	time.Sleep(5 * time.Second) // until all have begun
	before, polled := cpuTime(t, server.PID()), polls.Load()
	time.Sleep(period)
	used, answered := cpuTime(t, server.PID())-before, polls.Load()-polled
	t.Logf("%d screens, %.0f polls a second: %.1f %% of a core, idle %.1f %%", count,
		float64(answered)/period.Seconds(), 100*used.Seconds()/period.Seconds(), 100*idle.Seconds()/period.Seconds())
	require.Zero(t, changed.Load(), "nobody has scanned")
	require.Equal(t, rows, countRows(t, database))
	screens[0].requireScan(t, base)
	stop()
	waiting.Wait()
}

// waitingScreen is a page that shows a code.
type waitingScreen struct {
	client *http.Client
	cookie string
	handle string
	page   string // URL of the page
	link   string // answers when the code was scanned
}

// openScreens opens pages with codes, of browsers at 256 addresses.
func openScreens(t *testing.T, base string, count int) []waitingScreen {
	t.Helper()
	clients := make([]*http.Client, deviceAddresses)
	for n := range clients {
		dialer := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 18, byte(n), 7)}}
		clients[n] = &http.Client{
			Transport:     &http.Transport{DialContext: dialer.DialContext, MaxIdleConnsPerHost: count},
			CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		}
	}
	sum := sha256.Sum256([]byte(codeVerifier))
	page := base + "/sign-in/scan?" + url.Values{"to": {"authorize"}, "client_id": {"shop"}, "response_type": {"code"},
		"redirect_uri": {callback}, "scope": {"openid"}, "code_challenge_method": {"S256"},
		"code_challenge": {base64.RawURLEncoding.EncodeToString(sum[:])}}.Encode()
	screens := make([]waitingScreen, count)
	for n := range screens {
		client := clients[n%len(clients)]
		response, err := client.Get(page)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Equal(t, http.StatusSeeOther, response.StatusCode)
		at, err := response.Location()
		require.NoError(t, err)
		handle := at.Query().Get("screen")
		screens[n] = waitingScreen{client, response.Header.Get("Set-Cookie"), handle, at.String(),
			base + "/sign-in/scan/wait?known=pending&screen=" + handle}
	}
	return screens
}

// ask waits once, and returns the status of the answer; 0: none.
func (s waitingScreen) ask(ctx context.Context) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.link, nil)
	if err != nil {
		return 0
	}
	request.Header.Set("Cookie", s.cookie)
	response, err := s.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body)
	return response.StatusCode
}

// wait waits again and again, as the page's script does.
func (s waitingScreen) wait(ctx context.Context, polls, changed *atomic.Int64) {
	for ctx.Err() == nil {
		switch s.ask(ctx) {
		case http.StatusNoContent:
			polls.Add(1)
		case http.StatusOK:
			changed.Add(1)
			return
		}
	}
}

// requireScan has a phone scan the code of a page that waits, and approve. It logs how much later than the phone the
// page learns of each, and when it has signed in.
func (s waitingScreen) requireScan(t *testing.T, base string) {
	t.Helper()
	a := postFrom(t, http.DefaultClient, 0, base+"/token", url.Values{"grant_type": {"password"},
		"client_id": {"phone"}, "username": {"alice"}, "password": {goodPassword}})
	require.Equal(t, http.StatusOK, a.status, a.members)
	for _, step := range []string{"look", "approve"} {
		learned := make(chan time.Time, 1)
		go func() {
			s.ask(t.Context())
			learned <- time.Now()
		}()
		time.Sleep(time.Second)
		require.Empty(t, learned)
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/scan/"+step,
			strings.NewReader(url.Values{"scan": {s.handle}}.Encode()))
		require.NoError(t, err)
		request.Header.Set("Authorization", "Bearer "+a.text("access_token"))
		request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		began := time.Now()
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		require.NoError(t, response.Body.Close())
		require.Less(t, response.StatusCode, 300)
		answered := time.Now()
		t.Logf("%s: the phone is answered after %v, and the screen %v later", step, answered.Sub(began),
			(<-learned).Sub(answered))
		s.link = strings.Replace(s.link, "known=pending", "known=scanned", 1)
	}
	began := time.Now()
	s.requireSignedIn(t, base)
	t.Logf("the screen is signed in and back at the client's site after another %v", time.Since(began))
}

// requireSignedIn loads the page once its code was approved, submits its form, and goes on to the client.
func (s waitingScreen) requireSignedIn(t *testing.T, base string) {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	at, err := url.Parse(s.page)
	require.NoError(t, err)
	cookie, err := http.ParseSetCookie(s.cookie)
	require.NoError(t, err)
	jar.SetCookies(at, []*http.Cookie{cookie})
	browser := &http.Client{Jar: jar, CheckRedirect: func(r *http.Request, _ []*http.Request) error {
		if strings.HasPrefix(r.URL.String(), callback) {
			return http.ErrUseLastResponse
		}
		return nil
	}}
	shown, err := browser.Get(s.page)
	require.NoError(t, err)
	require.NoError(t, shown.Body.Close())
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.page, nil)
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Origin", base)
	response, err := browser.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusOK, response.StatusCode)
	parameters := at.Query()
	for _, own := range []string{"to", "screen", "screen_round"} {
		parameters.Del(own)
	}
	response, err = browser.Get(base + "/authorize?" + parameters.Encode())
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Contains(t, response.Header.Get("Location"), callback+"?code=")
}
