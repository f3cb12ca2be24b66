package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestFormerNamesOfCommandsWorkAndAreNotInTheHelp(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	for former, name := range map[string]string{
		"twins": "duplicates", "join": "merge", "joins": "merges", "unjoin": "unmerge", "keep": "undelete",
	} {
		help := o.ok("users", former, "--help")
		require.Equal(t, o.ok("users", name, "--help"), help)
		require.Contains(t, help, "Usage:\n  lingpai users "+name+" ")
		require.NotContains(t, help, "Aliases:")
		require.NotRegexp(t, `\b`+former+`\b`, help)
		require.NotRegexp(t, `\b`+former+`\b`, o.ok("users", "--help"))
		require.NotRegexp(t, `(?m)^`+former+`\b`, o.types("", "__complete", "users", "").stdout)
	}
	require.True(t, strings.HasPrefix(o.ok("users", "twins"), "RETIRED"))
	require.True(t, strings.HasPrefix(o.ok("users", "joins"), "ID"))
	require.Contains(t, o.refused("users", "join", "alice", "alice"), "cannot be merged with itself")
	require.Contains(t, o.refused("users", "unjoin", "nothing"), `there is no merge "nothing"`)
	require.Contains(t, o.ok("users", "delete", "alice", "--yes"), "to cancel: lingpai users undelete")
	require.Contains(t, o.ok("users", "keep", "alice"), "will not be deleted")
}
