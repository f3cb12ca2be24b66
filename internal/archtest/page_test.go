package archtest_test

import (
	"os"
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
