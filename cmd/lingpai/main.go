// Command lingpai is the token provider and the tool of the people who operate it. Its commands
// parse, call and print; package server wires the process.
package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/keys"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := newRootCommand()
	out := &answerWriter{Writer: os.Stdout}
	root.SetOut(out) // cobra would print answers to standard error
	err := root.ExecuteContext(ctx)
	if err == nil && out.fault != nil { // as on a full disk, where half a key set must not look like one
		err = fmt.Errorf("not all could be printed: %w", out.fault)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lingpai:", err)
		os.Exit(1)
	}
}

// answerWriter remembers what went wrong, which cobra does not tell commands.
type answerWriter struct {
	io.Writer
	fault error
}

func (w *answerWriter) Write(text []byte) (int, error) {
	n, err := w.Writer.Write(text)
	w.fault = cmp.Or(w.fault, err)
	return n, err
}

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
	hideAliases(root)
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
