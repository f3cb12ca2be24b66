package main

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

// The formats that commands print besides JSON.
const (
	formatText  = "text"
	formatTable = "table"
	formatJSON  = "json"
)

// addOutputFlag gives a command --output with a default; json is always allowed as well.
func addOutputFlag(cmd *cobra.Command, format string) *cobra.Command {
	formats := slices.Compact([]string{format, formatJSON})
	cmd.Flags().String("output", format, "output format: "+strings.Join(formats, " or "))
	limitChoices(cmd, "output", formats...)
	return cmd
}

// asTable adds --output to a command that prints a table or JSON.
func asTable(cmd *cobra.Command) *cobra.Command { return addOutputFlag(cmd, formatTable) }

// asJSON gives --output to a command that always prints JSON.
func asJSON(cmd *cobra.Command) *cobra.Command { return addOutputFlag(cmd, formatJSON) }

// checkOutput rejects an unknown format before anything is done.
func checkOutput(cmd *cobra.Command) error {
	flag := cmd.Flags().Lookup("output")
	switch {
	case flag == nil || flag.Value.String() == flag.DefValue || flag.Value.String() == formatJSON:
		return nil
	case flag.DefValue == formatJSON:
		return fmt.Errorf("--output: %q is not json, the only format here", flag.Value)
	}
	return fmt.Errorf("--output: %q is neither %s nor json", flag.Value, flag.DefValue)
}

// wantsJSON reports whether a command prints JSON for programs instead of text for people.
func wantsJSON(cmd *cobra.Command) bool {
	output, _ := cmd.Flags().GetString("output")
	return output == formatJSON
}

// members are those of a JSON object.
type members map[string]any

// say prints text for people; with --output json it prints nothing.
func say(cmd *cobra.Command, format string, args ...any) {
	if !wantsJSON(cmd) {
		cmd.Printf(format, args...)
	}
}

// printResult prints the result of a command for programs, with --output json; without, it prints nothing.
func printResult(cmd *cobra.Command, result any) error {
	if !wantsJSON(cmd) {
		return nil
	}
	return printJSON(cmd, result)
}

// printRows prints a listing: rows as JSON, or the cells of each row as a table.
func printRows[T any](cmd *cobra.Command, rows []T, header []string, cells func(T) []string) error {
	if wantsJSON(cmd) {
		return printJSON(cmd, append([]T{}, rows...)) // an empty listing is [], not null
	}
	return terminal.WriteTable(cmd.OutOrStdout(), header, views(rows, cells))
}

// views returns the view of each item.
func views[T, V any](items []T, view func(T) V) []V {
	shown := make([]V, len(items))
	for n, item := range items {
		shown[n] = view(item)
	}
	return shown
}

// printJSON prints a value as indented JSON, which people can read as well.
func printJSON(cmd *cobra.Command, value any) error {
	encoder := json.NewEncoder(cmd.OutOrStdout())
	encoder.SetIndent("", "  ")
	encoder.SetEscapeHTML(false)
	return encoder.Encode(value)
}

// moment formats an instant as RFC 3339 in UTC; the zero instant is "".
func moment(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
