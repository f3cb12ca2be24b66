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
	cmd := addOutputFlag(simulator.NewCommand("lingpai wechat-simulator"), formatText)
	cmd.PreRunE = func(cmd *cobra.Command, _ []string) error { return checkOutput(cmd) }
	return cmd
}
