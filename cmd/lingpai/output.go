package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"github.com/spf13/cobra"
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
		fmt.Fprintln(table, strings.Join(cells(row(r)), "\t"))
	}
	return table.Flush()
}

// cells makes texts fit for a table on a terminal. A name or a User-Agent may hold control characters, which
// would forge other rows or give the terminal orders.
func cells(texts []string) []string {
	for n, text := range texts {
		texts[n] = strings.Map(func(r rune) rune {
			if unicode.IsPrint(r) {
				return r
			}
			return unicode.ReplacementChar
		}, text)
	}
	return texts
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

// orDash fills a cell that would be empty.
func orDash(text string) string { return cmp.Or(text, "-") }
