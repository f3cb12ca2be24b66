package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/server"
)

// setFields sets the fields of a record to the values of the flags that were given. An empty value stands for an empty
// list. It returns an error if no flag of a field was given.
func setFields(cmd *cobra.Command, fields *pflag.FlagSet) (err error) {
	given := false
	cmd.Flags().Visit(func(flag *pflag.Flag) {
		field := fields.Lookup(flag.Name)
		if field == nil || err != nil {
			return
		}
		given = true
		list, ok := flag.Value.(pflag.SliceValue)
		if !ok {
			err = field.Value.Set(flag.Value.String())
			return
		}
		values := list.GetSlice()
		if slices.Equal(values, []string{""}) {
			values = nil
		}
		err = field.Value.(pflag.SliceValue).Replace(values)
	})
	if !given {
		return fmt.Errorf("no flag names a field to change; see: %s --help", cmd.CommandPath())
	}
	return err
}

// printChanges prints what an update of a record changed. result is what to print as JSON besides the changes.
func printChanges(cmd *cobra.Command, id string, changes []admin.Change, result members) error {
	if len(changes) == 0 {
		say(cmd, "%s is already so; nothing was changed\n", id)
	} else {
		say(cmd, "updated %s; running servers use it within %s\n", id, server.RecordAge)
	}
	for _, change := range changes {
		say(cmd, "%s\n  before  %s\n  after   %s\n", change.Field, describeValue(change.Before),
			describeValue(change.After))
	}
	result["changes"] = append([]admin.Change{}, changes...) // no change is [], not null
	return printResult(cmd, result)
}

// describeValue formats the value of a field for people.
func describeValue(value any) string {
	text := fmt.Sprint(value)
	if list, ok := value.([]string); ok {
		text = strings.Join(list, " ")
	}
	return terminal.OrDash(terminal.Printable([]string{text})[0])
}
