package main

import (
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// addOutputFlag gives a listing command --output.
func addOutputFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().String("output", "table", "table or json")
	return cmd
}

// checkOutput refuses a format that does not exist, before anything is done.
func checkOutput(cmd *cobra.Command) error {
	if flag := cmd.Flags().Lookup("output"); flag != nil && flag.Value.String() != "table" &&
		flag.Value.String() != "json" {
		return fmt.Errorf("--output: %q is neither table nor json", flag.Value)
	}
	return nil
}

// printRows prints a listing: as JSON what rows holds, as a table what row makes of each.
func printRows[T any](cmd *cobra.Command, rows []T, header []string, row func(T) []string) error {
	if output, _ := cmd.Flags().GetString("output"); output == "json" {
		return printJSON(cmd, append([]T{}, rows...)) // none is [], not null
	}
	table := tabwriter.NewWriter(cmd.OutOrStdout(), 0, 4, 2, ' ', 0)
	fmt.Fprintln(table, strings.Join(header, "\t"))
	for _, r := range rows {
		fmt.Fprintln(table, strings.Join(terminal.Printable(row(r)), "\t"))
	}
	return table.Flush()
}

// views shows each of several things.
func views[T, V any](things []T, view func(T) V) []V {
	shown := make([]V, len(things))
	for n, thing := range things {
		shown[n] = view(thing)
	}
	return shown
}

// printJSON prints one thing for people and scripts alike.
func printJSON(cmd *cobra.Command, value any) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// moment shows an instant, or nothing for none.
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
