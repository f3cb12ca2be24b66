package main

import (
	"context"
	"fmt"
	"net"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func newSimulatorCommand() *cobra.Command {
	var addr string
	var apps []string
	cmd := &cobra.Command{
		Use:   "wechat-simulator",
		Short: "Run a WeChat simulator on this machine",
		Long: `Run a faithful simulator of WeChat's server APIs on loopback, for development and tests. Point
wechat.base_url at it. Its apps have secrets that begin with "simulator-"; real ones are refused.

Mint a code, as wx.login would:
  curl -s -X POST http://127.0.0.1:8081/_sim/codes -d '{"appid":"wx0123456789abcdef","user":"alice"}'`,
		Example: "  lingpai wechat-simulator --app wx0123456789abcdef:simulator-secret\n  LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:8081 lingpai serve",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := listenLoopback(addr)
			if err != nil {
				return err
			}
			simulator := wechattest.New(wechattest.Options{})
			if err := addSimulatedApps(simulator, apps); err != nil {
				return err
			}
			cmd.Printf("WeChat simulator: http://%s\n", listener.Addr())
			return serveSimulator(cmd.Context(), cmd, simulator, listener)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "loopback host:port to listen on")
	cmd.Flags().StringArrayVar(&apps, "app", nil, "APPID:SECRET of a simulated app (repeatable); apps can also be added with POST /_sim/apps")
	return cmd
}

// addSimulatedApps registers APPID:SECRET pairs at a simulator.
func addSimulatedApps(simulator *wechattest.Simulator, pairs []string) error {
	for _, pair := range pairs {
		id, secret, ok := strings.Cut(pair, ":")
		if !ok {
			return fmt.Errorf("--app: %q is not APPID:SECRET", pair)
		}
		if err := simulator.AddApp(wechattest.App{AppID: id, Secret: secret}); err != nil {
			return fmt.Errorf("--app: %w", err)
		}
	}
	return nil
}

func serveSimulator(ctx context.Context, cmd *cobra.Command, simulator *wechattest.Simulator, listener net.Listener) error {
	logger := newLogger(config{LogFormat: "text"}, cmd.ErrOrStderr())
	return serveUntilDone(ctx, provider.NewHTTPServer(simulator, logger), listener)
}

// listenLoopback listens where only this machine can call.
func listenLoopback(addr string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(addr)
	if err != nil || !loopback(host) {
		return nil, fmt.Errorf("--addr: %q is not host:port on loopback, such as 127.0.0.1:8081", addr)
	}
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, fmt.Errorf("--addr: %w", err)
	}
	return listener, nil
}
