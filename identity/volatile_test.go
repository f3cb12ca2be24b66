package identity_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestVolatileKeysDiffer checks that a key depends on every part, and on where one ends and the next begins.
func TestVolatileKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	for _, parts := range [][]string{nil, {""}, {"a", "b"}, {"ab"}, {"a", "b", ""}, {"", "a", "b"}, {"1 a", "b"},
		{"a1 b"}, {strings.Repeat("x", 1000)}} {
		key := identity.VolatileKey("kind", parts...)
		require.False(t, seen[key], "%q", parts)
		seen[key] = true
		require.LessOrEqual(t, len(key), 64, "suffixes may be added")
	}
	require.NotEqual(t, identity.VolatileKey("kind", "a"), identity.VolatileKey("other", "a"))
}
