// Package simulator serves simulators of WeChat and QQ to programs on this machine.
package simulator

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
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

// Serve serves HTTP on a listener until the context ends, and logs to w.
func (s Simulators) Serve(ctx context.Context, w io.Writer, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/", s.wechat)
	mux.Handle(QQPath+"/", http.StripPrefix(QQPath, s.qq))
	logger := server.NewLogger(settings.Settings{LogFormat: "text"}, w)
	return server.ServeUntilDone(ctx, provider.NewHTTPServer(onlyThisMachine(mux), logger), listener)
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
		if origin != "" && origin != "http://"+r.Host || !settings.IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "the simulator is for programs on this machine, not for web pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Listen listens on a loopback address. flag is where the address is from, for errors.
func Listen(flag, addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !settings.IsLoopback(host) {
		return nil, fmt.Errorf("%s: %q is not host:port on loopback, such as 127.0.0.1:8081", flag, addr)
	}
	return server.Listen(flag, addr)
}
