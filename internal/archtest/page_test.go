package archtest_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestArchitecturePageHasEveryPackage of the table.
func TestArchitecturePageHasEveryPackage(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/architecture.md")
	require.NoError(t, err)
	for _, rule := range table {
		require.True(t, strings.Contains(string(page), "`"+rule.name+"`"), "the page does not have %s", rule.name)
	}
}

// TestArchitecturePageHasTheTable compares the page's lists of allowed imports with the rules, where the page has a
// list and not a sentence.
func TestArchitecturePageHasTheTable(t *testing.T) {
	page, err := os.ReadFile(root + "/docs/architecture.md")
	require.NoError(t, err)
	places := placesOf(table)
	compared := 0
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.TrimSpace(line), "|")
		if len(cells) != 5 {
			continue
		}
		place, known := places[strings.Trim(cells[1], " `")]
		listed := strings.Split(strings.TrimSpace(cells[3]), ", ")
		isSentence := slices.ContainsFunc(listed, func(name string) bool { _, is := places[name]; return !is })
		if !known || isSentence {
			continue
		}
		require.ElementsMatch(t, table[place].may, listed, table[place].name)
		compared++
	}
	require.GreaterOrEqual(t, compared, 15)
}
