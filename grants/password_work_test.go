package grants_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestPasswordTakesTheSameWorkForNamesThatNobodyHas: a stranger cannot tell by the time who has an account.
// The work is seen by the memory that argon2id takes, which a busy machine does not change. not in parallel:
// it counts what the process takes
func TestPasswordTakesTheSameWorkForNamesThatNobodyHas(t *testing.T) {
	w := newEnv(t)
	const hash = 8 << 20 // bytes; a hash takes more, and all else a small part of it
	for _, name := range []string{"alice", "nobody", "no body"} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, err := w.token(passwordForm(name, "not the password"))
		runtime.ReadMemStats(&after)
		require.ErrorIs(t, err, oauth.InvalidGrant)
		require.Greater(t, after.TotalAlloc-before.TotalAlloc, uint64(hash), name)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w.signIn("somebody")
	runtime.ReadMemStats(&after)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(hash), "so it is the hash that is seen")
}
