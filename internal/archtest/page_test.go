package archtest_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestArchitecturePageHasEveryPackage of the table, so that a stranger finds all of them.
func TestArchitecturePageHasEveryPackage(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/architecture.md")
	require.NoError(t, err)
	for _, rule := range table {
		require.True(t, strings.Contains(string(page), "`"+rule.name+"`"), "the page does not have %s", rule.name)
	}
}

// TestArchitecturePageHasTheTable holds the page's list of what a package may import against the rule, where it is a
// list and no sentence.
func TestArchitecturePageHasTheTable(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/architecture.md")
	require.NoError(t, err)
	floors := floorsOf(table)
	compared := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			continue
		}
		floor, known := floors[strings.Trim(cells[1], " `")]
		listed := strings.Split(strings.TrimSpace(cells[3]), ", ")
		isSentence := slices.ContainsFunc(listed, func(name string) bool { _, is := floors[name]; return !is })
		if !known || isSentence {
			continue
		}
		require.ElementsMatch(t, table[floor].may, listed, table[floor].name)
		compared++
	}
	require.GreaterOrEqual(t, compared, 15)
}
