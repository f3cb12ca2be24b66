// Package simulator serves simulators of WeChat and QQ to programs on this machine.
package simulator

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/lingpai/lingpai/internal/serve"
	"github.com/lingpai/lingpai/wechat/qq"
	"github.com/lingpai/lingpai/wechat/qq/qqtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// QQPath is the path of QQ's simulator; WeChat's has the root.
const QQPath = "/qq"

// Simulators are the simulators of all platforms.
type Simulators struct {
	wechat *wechattest.Simulator
	qq     *qqtest.Simulator
}

// New returns simulators without apps.
func New() Simulators {
	return Simulators{wechattest.New(wechattest.Options{}), qqtest.New(qqtest.Options{})}
}

// Add adds mini-programs, given as APPID:SECRET. The form of an AppID determines its platform.
func (s Simulators) Add(pairs []string) error {
	for _, pair := range pairs {
		id, secret, ok := strings.Cut(pair, ":")
		if !ok {
			return fmt.Errorf("--app: %q is not APPID:SECRET", pair)
		}
		var err error
		if qq.ValidAppID(id) {
			err = s.qq.AddApp(qqtest.App{AppID: id, Secret: secret})
		} else {
			err = s.wechat.AddApp(wechattest.App{AppID: id, Secret: secret})
		}
		if err != nil {
			return fmt.Errorf("--app: %w", err)
		}
	}
	return nil
}

// AddWechat adds an app of WeChat of any kind.
func (s Simulators) AddWechat(app wechattest.App) error { return s.wechat.AddApp(app) }

// Serve serves HTTP on a listener until the context ends. Answers have no timeout, since faults may delay them.
func (s Simulators) Serve(ctx context.Context, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/", s.wechat)
	mux.Handle(QQPath+"/", http.StripPrefix(QQPath, s.qq))
	return serve.UntilDone(ctx, &http.Server{
		Handler:           onlyThisMachine(mux),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          log.New(io.Discard, "", 0), // clients break connections
	}, listener)
}

// onlyThisMachine rejects requests of other web pages in a browser on this machine, which could create codes or make
// the simulator fail. The simulator's own pages may post their forms.
func onlyThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		origin := r.Header.Get("Origin")
		if origin != "" && origin != "http://"+r.Host || !isLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "the simulator is for programs on this machine, not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Listen listens on a loopback address. flag is where the address is from, for errors.
func Listen(flag, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !isLoopback(host) {
		return nil, fmt.Errorf("%s: %q is not host:port on loopback, such as 127.0.0.1:8081", flag, addr)
	}
	return serve.Listen(flag, addr)
}

// isLoopback reports whether a host can only be this machine.
func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && address.IsLoopback()
}
