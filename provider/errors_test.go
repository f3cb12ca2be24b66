package provider

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestEveryErrorIsExplained: error_uri points at an entry that is there.
func TestEveryErrorIsExplained(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	require.NoError(t, err)
	for name := range statuses() {
		require.Contains(t, string(text), "\n## "+name.Error()+"\n")
	}
}
