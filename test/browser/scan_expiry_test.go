package browser_test

import (
	"context"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/test/harness"
)

// TestScansThatExpire: a page shows five more codes by itself, and then says that the last one has expired. A phone
// that has scanned an expired code is told so, before and after it has chosen the number.
func TestScansThatExpire(t *testing.T) {
	t.Parallel()
	browser := harness.Chromium(t)
	for name, script := range map[string][]chromedp.Action[chromedp.Void]{
		"WithJavaScript": nil, "WithoutJavaScript": {withoutScripts},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newAging(t, browser)
			v := screen{w.walker(t, "ada")}
			v.do(script...)
			first, number := v.showCode("shop")
			phone := v.phone(v.user)
			phone.scan(first)
			phone.signIn()
			phone.asked()
			last := first
			for range 5 {
				w.age()
				last, _ = v.nextCode(last)
			}
			phone.click("#number-" + number)
			require.Contains(t, phone.answered(), "二维码已过期")
			phone.fits()
			phone.scan(last)
			phone.asked()
			w.age()
			v.do(chromedp.WaitVisible(chromedp.CSS("#scan-again")))
			require.Contains(t, v.text(), "The code has expired")
			phone.scan(last)
			require.Contains(t, phone.answered(), "二维码已过期")

			v.click("#scan-again")
			last, number = v.nextCode(last)
			phone.scan(last)
			phone.click("#number-" + number)
			require.Contains(t, phone.answered(), "屏幕上已登录")
			v.click("#scan-continue")
			require.Equal(t, v.user, v.name(v.redeem("shop", v.answer())))
		})
	}
}

// aging is a world with a server in this process, on a clock of its own.
type aging struct {
	*world
	clock dbtest.ProcessClock
	next  http.Handler

	mutex sync.Mutex
	moves context.Context // until the clock is moved
	moved context.CancelFunc
}

// newAging starts the server, whose codes are in its memory.
func newAging(t *testing.T, browser context.Context) *aging {
	t.Helper()
	a := &aging{}
	a.moves, a.moved = context.WithCancel(context.Background())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	issuer := "http://" + strings.Replace(listener.Addr().String(), "127.0.0.1", "localhost", 1)
	i := harness.Install(t, issuer, "LINGPAI_DATABASE_URL=sqlite:"+
		filepath.ToSlash(filepath.Join(t.TempDir(), "lingpai.db")))
	ring, err := keys.ParseRing(i.Variable("LINGPAI_MASTER_KEY"))
	require.NoError(t, err)
	database, err := sql.Open(t.Context(), sql.Options{URL: i.Variable("LINGPAI_DATABASE_URL"), Ring: ring,
		Now: a.clock.Now})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, database.Close()) })
	c := settings.Defaults()
	c.Issuer, c.Scan, c.DatabaseURL = issuer, true, identity.Secret(i.Variable("LINGPAI_DATABASE_URL"))
	logger := slog.New(slog.DiscardHandler)
	process, err := server.New(t.Context(), server.Config{Settings: c, Stores: server.StoresOf(database), Ring: ring,
		Now: a.clock.Now, Logger: logger})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, process.Close()) })
	a.next = process.Handler()
	config := provider.NewHTTPServer(a, logger)
	served := &httptest.Server{Listener: process.Bound(config, listener), Config: config}
	served.Start()
	t.Cleanup(served.Close)
	a.world = worldOf(t, browser, i)
	return a
}

// ServeHTTP passes requests on. Who waits for a code when the clock is moved gets the answer of afterwards, as at the
// end of the wait.
func (a *aging) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/sign-in/scan/wait" {
		a.mutex.Lock()
		moves := a.moves
		a.mutex.Unlock()
		ctx, stop := context.WithCancel(r.Context())
		defer stop()
		defer context.AfterFunc(moves, stop)()
		before := httptest.NewRecorder()
		a.next.ServeHTTP(before, r.WithContext(ctx))
		if moves.Err() == nil {
			maps.Copy(w.Header(), before.Header())
			w.WriteHeader(before.Code)
			return
		}
	}
	a.next.ServeHTTP(w, r)
}

// age lets all codes expire.
func (a *aging) age() {
	a.clock.Move(approval.ScanLifetime)
	a.mutex.Lock()
	defer a.mutex.Unlock()
	a.moved()
	a.moves, a.moved = context.WithCancel(context.Background())
}
