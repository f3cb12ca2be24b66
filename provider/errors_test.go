package provider

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestEveryErrorIsExplained: error_uri points at an entry that is there.
func TestEveryErrorIsExplained(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	require.NoError(t, err)
	for _, code := range oauth.Codes() {
		require.Contains(t, string(text), "\n## "+code.Error()+"\n")
	}
}
