package docs_test

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestMigratePagesShowTheProgramsThatAreTested checks that each file of docs/examples is on its page unchanged.
func TestMigratePagesShowTheProgramsThatAreTested(t *testing.T) {
	files, err := filepath.Glob(harness.Path("docs/examples/migrate/*/*"))
	require.NoError(t, err)
	require.Len(t, files, 11)
	for _, file := range files {
		page := "docs/migrate/" + filepath.Base(filepath.Dir(file)) + ".md"
		text := harness.Text(t, file)
		require.Contains(t, harness.Fenced(harness.Document(t, page)), text, "%s does not show %s", page, file)
		require.LessOrEqual(t, strings.Count(text, "\n"), 62, "%s must be short enough to read", file)
	}
}
