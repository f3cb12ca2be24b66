package main

import (
	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

func newServeCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "serve",
		Short: "Serve tokens",
		Long: `Serve tokens, behind a reverse proxy that terminates TLS. The database must be migrated (lingpai migrate up) and
needs a master key (lingpai keys new-master-key); the signing key is made at the first start.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			c, err := loadConfig(cmd, terms{Demands: []settings.Demand{
				{Key: "server.issuer", Check: settings.CheckIssuer},
				{Key: "master_key", Check: settings.RequireMasterKey},
				{Key: "keys.retire", Check: settings.CheckKeyLifetime},
				{Key: "keys.interval", Check: settings.CheckKeyInterval},
			}})
			if err != nil {
				return err
			}
			return server.Serve(cmd.Context(), c, server.NewLogger(c, cmd.ErrOrStderr()), buildVersion())
		},
	}
	settings.AddFlags(cmd)
	return cmd
}
