package keys

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestSealedValuesOpen(t *testing.T) {
	t.Parallel()
	set := newTestSet(t)
	for _, plaintext := range []string{"", "a", string(bytes.Repeat([]byte{7}, 2000))} {
		sealed, ok := set.Seal("code", []byte("client"), []byte(plaintext))
		require.True(t, ok)
		require.Len(t, sealed, len(plaintext)+sealedSpace)
		opened, err := set.Unseal("code", []byte("client"), sealed)
		require.NoError(t, err)
		require.Equal(t, plaintext, string(opened))
		again, _ := set.Seal("code", []byte("client"), []byte(plaintext))
		require.NotEqual(t, sealed, again)
	}
}

// TestForgedSealedValues: nothing opens but what was sealed, for its purpose, context and secret.
func TestForgedSealedValues(t *testing.T) {
	t.Parallel()
	set := newTestSet(t)
	sealed, _ := set.Seal("code", []byte("client"), []byte("secret"))
	refused := func(set *Set, purpose, context string, sealed []byte) {
		t.Helper()
		_, err := set.Unseal(purpose, []byte(context), sealed)
		require.ErrorIs(t, err, ErrSealBroken)
	}
	refused(set, "cookie", "client", sealed)
	refused(set, "code", "another", sealed)
	refused(newTestSet(t), "code", "client", sealed)
	for n := range sealed {
		changed := bytes.Clone(sealed)
		changed[n] ^= 1
		refused(set, "code", "client", changed)
		refused(set, "code", "client", sealed[:n])
	}
	refused(set, "code", "client", append(bytes.Clone(sealed), 0))
}

func TestNothingIsSealedWithoutASecret(t *testing.T) {
	t.Parallel()
	set, err := newTestSet(t).without(func(string) bool { return true })
	require.NoError(t, err)
	_, ok := set.Seal("code", nil, []byte("x"))
	require.False(t, ok)
}
