package grants_test

import (
	"runtime"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestPasswordTakesTheSameWorkForNamesThatNobodyHas checks that the time of a response does not reveal who has an
// account. It measures the memory that argon2id allocates, because that does not depend on the load of the machine. It
// must not run in parallel, since it measures the whole process.
func TestPasswordTakesTheSameWorkForNamesThatNobodyHas(t *testing.T) {
	w := newEnv(t)
	const hash = 8 << 20 // bytes; a hash allocates more, everything else far less
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
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(hash), "only hashing allocates that much")
}
