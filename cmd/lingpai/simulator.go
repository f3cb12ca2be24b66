package main

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/wechat/qq"
	"github.com/lingpai/lingpai/wechat/qq/qqtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func newSimulatorCommand() *cobra.Command {
	var addr string
	var apps []string
	cmd := &cobra.Command{
		Use:   "wechat-simulator",
		Short: "Run a simulator of WeChat, and of QQ, on this machine",
		Long: `Run a faithful simulator of WeChat's server APIs on loopback, for development and tests. Point
wechat.base_url at it, and qq.base_url at its path /qq. Its apps have secrets that begin with "simulator-"; real ones are
refused. Apps that are no mini-programs are added with POST /_sim/apps and their "kind", and their codes minted with
POST /_sim/oauth_codes.

Mint a code, as wx.login would:
  curl -s -X POST http://127.0.0.1:8081/_sim/codes -d '{"appid":"wx0123456789abcdef","user":"alice"}'`,
		Example: "  lingpai wechat-simulator --app wx0123456789abcdef:simulator-secret\n  " +
			"LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:8081 lingpai serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := listenLoopback(addr)
			if err != nil {
				return err
			}
			simulators := newSimulators()
			if err := simulators.add(apps); err != nil {
				return err
			}
			cmd.Printf("WeChat simulator: http://%s\nQQ simulator: http://%s%s\n", listener.Addr(), listener.Addr(),
				qqPath)
			return serveSimulators(cmd.Context(), cmd, simulators, listener)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "loopback host:port to listen on")
	cmd.Flags().StringArrayVar(&apps, "app", nil,
		"APPID:SECRET of a simulated app (repeatable); apps can also be added with POST /_sim/apps")
	return cmd
}

// qqPath is where QQ's simulator is beside WeChat's.
const qqPath = "/qq"

// simulators are those of all platforms.
type simulators struct {
	wechat *wechattest.Simulator
	qq     *qqtest.Simulator
}

func newSimulators() simulators {
	return simulators{wechattest.New(wechattest.Options{}), qqtest.New(qqtest.Options{})}
}

// add registers APPID:SECRET pairs of mini-programs, each at the platform that has such AppIDs.
func (s simulators) add(pairs []string) error {
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

func serveSimulators(ctx context.Context, cmd *cobra.Command, s simulators, listener net.Listener) error {
	mux := http.NewServeMux()
	mux.Handle("/", s.wechat)
	mux.Handle(qqPath+"/", http.StripPrefix(qqPath, s.qq))
	logger := server.NewLogger(settings.Settings{LogFormat: "text"}, cmd.ErrOrStderr())
	return server.ServeUntilDone(ctx, provider.NewHTTPServer(fromThisMachine(mux), logger), listener)
}

// fromThisMachine keeps pages out that a browser on this machine shows: they could mint codes, or make the
// simulator fail.
func fromThisMachine(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host := r.Host
		if name, _, err := net.SplitHostPort(host); err == nil {
			host = name
		}
		if r.Header.Get("Origin") != "" || !settings.IsLoopback(strings.Trim(host, "[]")) {
			http.Error(w, "the simulator is for programs on this machine, not for pages", http.StatusForbidden)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// listenLoopback listens where only this machine can call.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !settings.IsLoopback(host) {
		return nil, fmt.Errorf("--addr: %q is not host:port on loopback, such as 127.0.0.1:8081", addr)
	}
	return server.Listen("--addr", addr)
}
