//go:build unix

package main

import (
	"os"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestLoginIsInterrupted by Ctrl-C.
func TestLoginIsInterrupted(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	issuer, _ := o.issuer()
	p, _ := o.signingIn(issuer)
	require.NoError(t, p.Signal(os.Interrupt))
	require.Equal(t, 1, p.exitCode())
	require.Contains(t, p.Log(), "lingpai: interrupted: nobody was signed in")
	require.Empty(t, p.rest())
}
