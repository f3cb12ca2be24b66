package settings

import (
	"path/filepath"
	"testing"

	"github.com/spf13/pflag"
	"github.com/stretchr/testify/require"
)

// TestExampleFileHasEveryKeyWithItsDefault, except for the issuer, which has none, and the master key, which does not
// belong in a file that people copy.
func TestExampleFileHasEveryKeyWithItsDefault(t *testing.T) {
	example := filepath.Join("..", "..", "deploy", "lingpai.example.yaml")
	c, err := parsed(t, "--config", example)
	require.NoError(t, err)
	defaults, err := parsed(t, "--server-issuer", "https://login.example.com")
	require.NoError(t, err)
	require.Equal(t, []File{{Path: example}}, c.Files, "it has no secrets")
	c.Files = nil
	require.Equal(t, defaults, c)

	t.Setenv("LINGPAI_CONFIG", example)
	file, faults := readFile(pflag.NewFlagSet("serve", pflag.ContinueOnError))
	require.Empty(t, faults)
	for _, s := range table() {
		require.Equal(t, s.key != "master_key", file.Exists(s.key), s.key)
	}
}
