package main

import (
	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/dev"
	"github.com/lingpai/lingpai/cmd/lingpai/simulator"
	"github.com/lingpai/lingpai/server/settings"
)

func newDevCommand() *cobra.Command {
	var addr, simulatorAddr, data string
	cmd := addOutputFlag(&cobra.Command{
		Use:   "dev",
		Short: "Run a development server; needs no WeChat account, database or configuration",
		Long: `Run a development server on loopback, with an SQLite database, a WeChat simulator, three clients and
a user. It fetches and verifies a token, prints a curl command for every grant, and logs each request until it is
stopped. In a browser, / shows users, clients and the last requests, and /demo is a site to sign in to. Started again
with the same --data, it keeps keys, clients, users, sessions and the port of the simulator. It uses only databases
that it created itself, and no real AppSecrets.

All LINGPAI_… variables of "lingpai serve --help" apply, within these limits. Set NO_COLOR to turn colors off.`,
		Example: "  lingpai dev\n  lingpai dev --addr 127.0.0.1:8080 --data ./data --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			c, err := settings.Load(cmd.Flags(), dev.LoadOptions(addr, data))
			if err != nil {
				return err
			}
			return dev.Run(cmd.Context(), dev.Options{Settings: c, Data: data, Fixed: cmd.Flags().Changed("addr"),
				JSON: wantsJSON(cmd), SimulatorAddr: simulatorAddr,
				Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()})
		},
	}, formatText)
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8080",
		"loopback host:port to listen on; by default the next free port from 8080 on")
	cmd.Flags().StringVar(&simulatorAddr, "simulator-addr", "",
		"loopback host:port of the simulator; by default that of the last start with the same --data")
	cmd.Flags().StringVar(&data, "data", ".lingpai",
		"folder for the database, the master key and the generated secrets")
	_ = cmd.MarkFlagDirname("data") // does not fail: the flag exists
	return cmd
}

func newSimulatorCommand() *cobra.Command {
	var addr string
	var apps []string
	cmd := addOutputFlag(&cobra.Command{
		Use:   "wechat-simulator",
		Short: "Run a simulator of WeChat and QQ",
		Long: `Run a simulator of WeChat's server APIs on loopback, for development and tests. Set wechat.base_url
to its URL, and qq.base_url to its path /qq. AppSecrets must begin with "simulator-"; it rejects real ones. Add apps of
kinds other than mini-program with POST /_sim/apps and a "kind", and create their codes with POST /_sim/oauth_codes. All
calls are on the page docs/simulator.md.

To create a code, as wx.login does:
  curl -s -X POST http://127.0.0.1:8081/_sim/codes -d '{"appid":"wx0123456789abcdef","user":"alice"}'`,
		Example: "  lingpai wechat-simulator --app wx0123456789abcdef:simulator-secret\n  " +
			"LINGPAI_WECHAT_BASE_URL=http://127.0.0.1:8081 lingpai serve",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			listener, err := simulator.Listen("--addr", addr)
			if err != nil {
				return err
			}
			simulators := simulator.New()
			if err := simulators.Add(apps); err != nil {
				return err
			}
			wechat := "http://" + listener.Addr().String()
			say(cmd, "WeChat simulator: %s\nQQ simulator: %s%s\n", wechat, wechat, simulator.QQPath)
			if wantsJSON(cmd) {
				cmd.Printf("{\"wechat\":%q,\"qq\":%q}\n", wechat, wechat+simulator.QQPath) // one line, for scripts
			}
			return simulators.Serve(cmd.Context(), listener)
		},
	}, formatText)
	cmd.Flags().StringVar(&addr, "addr", "127.0.0.1:8081", "loopback host:port to listen on")
	cmd.Flags().StringArrayVar(&apps, "app", nil,
		"APPID:SECRET of an app (repeatable); POST /_sim/apps adds more while it runs")
	return cmd
}
