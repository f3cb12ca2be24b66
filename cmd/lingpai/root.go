package main

import (
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/keys"
)

// version is set by the linker at release.
var version = ""

func newRootCommand() *cobra.Command {
	root := group("lingpai", "OAuth 2 / OpenID Connect token provider for WeChat mini-programs and the web",
		newDevCommand(), newServeCommand(), newSimulatorCommand(), newMigrateCommand(), newAppsCommand(),
		newClientsCommand(),
		newUsersCommand(), newSessionsCommand(), newEventsCommand(), newKeysCommand(), newDoctorCommand(),
		newHealthcheckCommand(), newVersionCommand())
	root.Long = `Lingpai trades a wx.login code, or a name and password, for tokens at a standard POST /token:
an RS256 access token that services verify offline, and a refresh token that rotates.

Start with:        lingpai dev            (needs no WeChat account, no database, no configuration)
Then, for real:    lingpai migrate up, lingpai apps add, lingpai clients create, lingpai serve

Configuration comes from a YAML file (--config), then LINGPAI_… variables, then flags; later wins.
"lingpai serve --help" lists every key.`
	root.SilenceUsage, root.SilenceErrors = true, true
	explainUse(root)
	return root
}

func newVersionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, and what it is built to sign with",
		Args:  cobra.NoArgs,
		Run: func(cmd *cobra.Command, _ []string) {
			cmd.Printf("lingpai %s (signatures: %s)\n", buildVersion(), keys.BuiltBackend())
		},
	}
}

// buildVersion is the release, or what the Go toolchain knows of the source.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
