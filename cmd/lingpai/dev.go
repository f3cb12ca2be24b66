package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/dev"
	"github.com/lingpai/lingpai/server/settings"
)

func newDevCommand() *cobra.Command {
	var addr, data, output string
	cmd := &cobra.Command{
		Use:   "dev",
		Short: "Run everything on this machine: no WeChat account, database or configuration needed",
		Long: `Run the provider on loopback with an SQLite file, a WeChat simulator, two seeded clients and a user; fetch and verify
a token to show that it works; print a curl line for every grant; and stay up. Started again on the same --data it
keeps keys, clients, users and sessions. It touches only databases that it made itself, and no real AppSecret.

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
