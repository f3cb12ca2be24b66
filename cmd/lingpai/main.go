// Command lingpai is the token provider and the tool of its operators. Its commands parse arguments, call other
// packages and print; package server wires the process.
package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/internal/pattern"
	"github.com/lingpai/lingpai/keys"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the process at once
	root := newRootCommand()
	out := &stickyWriter{file: os.Stdout}
	root.SetOut(out) // cobra's Print prints to standard error by default
	err := root.ExecuteContext(ctx)
	if err == nil && out.err != nil { // such as a full disk: a truncated key set must not look like a complete one
		err = fmt.Errorf("cannot write the output: %w", out.err)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "lingpai:", urlWithUser().ReplaceAllString(err.Error(), "***"))
		os.Exit(1)
	}
}

// urlWithUser matches a URL with a user, and perhaps a password, as cobra and pflag repeat wrong arguments.
var urlWithUser = pattern.Lazy(`\S*://\S*@\S*`)

// stickyWriter remembers its first error, since cobra's Print functions return none.
type stickyWriter struct {
	file *os.File
	err  error
}

// Write implements io.Writer.
func (w *stickyWriter) Write(text []byte) (int, error) {
	n, err := w.file.Write(text)
	w.err = cmp.Or(w.err, err)
	return n, err
}

// Fd returns the file's descriptor, so that a terminal is still recognized as one.
func (w *stickyWriter) Fd() uintptr { return w.file.Fd() }

// version is set by the linker when a release is built.
var version = ""

func newRootCommand() *cobra.Command {
	root := group("lingpai", "OAuth 2 / OpenID Connect token provider for WeChat mini-programs and the web",
		newDevCommand(), newServeCommand(), newSimulatorCommand(), newMigrateCommand(), newAppsCommand(),
		newClientsCommand(), newUsersCommand(), newSessionsCommand(), newConsentsCommand(),
		newEventsCommand(), newKeysCommand(), newLoginCommand(),
		newDoctorCommand(), newHealthcheckCommand(), newVersionCommand())
	root.Long = `Lingpai exchanges a wx.login code, or a user name and password, for tokens at a standard POST /token:
an RS256 access token that services verify offline, and a refresh token that rotates.

To try it:         lingpai dev            (needs no WeChat account, database or configuration)
In production:     lingpai migrate up, lingpai apps add, lingpai clients create, lingpai serve

Settings come from flags, LINGPAI_… environment variables and a YAML file (--config), in this order of precedence.
"lingpai serve --help" lists all of them.`
	root.SilenceUsage, root.SilenceErrors = true, true
	printVersion := root.Flags().Bool("version", false, "print the version")
	root.RunE = func(cmd *cobra.Command, _ []string) error { // not root.Version: every start would read it
		if *printVersion {
			cmd.Print(versionText())
			return nil
		}
		return cmd.Help()
	}
	hideAliases(root)
	explainUse(root)
	return root
}

func newVersionCommand() *cobra.Command {
	return addOutputFlag(&cobra.Command{
		Use:   "version",
		Short: "Print the version, and how tokens are signed",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			say(cmd, "%s", versionText())
			return printResult(cmd, members{"version": buildVersion(), "signatures": keys.BuiltBackend()})
		},
	}, formatText)
}

func versionText() string {
	return fmt.Sprintf("lingpai %s (signatures: %s)\n", buildVersion(), keys.BuiltBackend())
}

// buildVersion returns the release, or the version that the Go toolchain recorded.
func buildVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "(unknown)"
}
