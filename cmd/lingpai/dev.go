package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/dev"
	"github.com/lingpai/lingpai/cmd/lingpai/simulator"
	"github.com/lingpai/lingpai/server/settings"
)

func newDevCommand() *cobra.Command {
	var addr, data, output string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine: no WeChat account, database or configuration needed",
		Long: `Run the provider on loopback with an SQLite file, a WeChat simulator, two seeded clients and a
user; fetch and verify a token to show that it works; print a curl line for every grant; and stay up. Started
again on the same --data it keeps keys, clients, users and sessions. It touches only databases that it made
itself, and no real AppSecret.

All LINGPAI_… variables of "lingpai serve --help" count here too, within these limits.`,
		Example: "  lingpai dev\n  lingpai dev --addr 127.0.0.1:8080 --data ./data --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if output != "text" && output != "json" {
				return fmt.Errorf("--output: %q is neither text nor json", output)
			}
			c, err := settings.Load(cmd.Flags(), dev.Terms(addr, data))
			if err != nil {
				return err
			}
			return dev.Run(cmd.Context(), dev.Options{Settings: c, Data: data, Fixed: cmd.Flags().Changed("addr"),
				JSON: output == "json", Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()})
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080",
		"loopback host:port to listen on; when not given, the next free port is taken")
	cmd.Flags().StringVar(&data, "data", ".lingpai", "folder for the database, the master key and the seeded secrets")
	cmd.Flags().StringVar(&output, "output", "text", "text, or json: one line when ready, for scripts")
	return cmd
}

func newSimulatorCommand() *cobra.Command {
	var addr string
	var apps []string
	cmd := &cobra.Command{
		Use:   "wechat-simulator",
		Short: "Run a simulator of WeChat, and of QQ, on this machine",
		Long: `Run a faithful simulator of WeChat's server APIs on loopback, for development and tests. Point
wechat.base_url at it, and qq.base_url at its path /qq. Its apps have secrets that begin with "simulator-";
real ones are refused. Apps that are no mini-programs are added with POST /_sim/apps and their "kind", and
their codes minted with POST /_sim/oauth_codes.

Mint a code, as wx.login would:
  curl -s -X POST http://127.0.0.1:8081/_sim/codes -d '{"appid":"wx0123456789abcdef","user":"alice"}'`,
		Example: "  lingpai wechat-simulator --app wx0123456789abcdef:simulator-secret\n  " +
			"LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:8081 lingpai serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			listener, err := simulator.Listen(addr)
			if err != nil {
				return err
			}
			simulators := simulator.New()
			if err := simulators.Add(apps); err != nil {
				return err
			}
			cmd.Printf("WeChat simulator: http://%s\nQQ simulator: http://%s%s\n", listener.Addr(), listener.Addr(),
				simulator.QQPath)
			return simulators.Serve(cmd.Context(), cmd.ErrOrStderr(), listener)
		},
	}
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "loopback host:port to listen on")
	cmd.Flags().StringArrayVar(&apps, "app", nil,
		"APPID:SECRET of a simulated app (repeatable); apps can also be added with POST /_sim/apps")
	return cmd
}
