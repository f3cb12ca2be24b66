package main

import (
	"context"
	"io"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

// Short names for what the commands use of other packages.
type (
	config = settings.Settings
	terms  = settings.Terms
)

const (
	maxAccessTTL   = settings.MaxAccessTTL
	maxIdleTTL     = settings.MaxIdleTTL
	maxAbsoluteTTL = settings.MaxAbsoluteTTL
)

func loadConfig(cmd *cobra.Command, t terms) (config, error) { return settings.Load(cmd.Flags(), t) }

const clientAge = server.RecordAge

var openMigrated = server.OpenMigratedDatabase

func openVolatile(c config) (server.Volatile, error) { return server.OpenVolatile(c) }

const byteOrderMark = terminal.ByteOrderMark

func cells(texts []string) []string { return terminal.Printable(texts) }

func orDash(text string) string { return terminal.OrDash(text) }

func plural(n int, noun string) string { return terminal.Plural(n, noun) }

func interruptible(ctx context.Context, r io.Reader) io.ReadCloser {
	return terminal.Interruptible(ctx, r)
}
