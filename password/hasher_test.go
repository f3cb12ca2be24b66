package password

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/text/unicode/norm"
)

// fake replaces argon2id by a fast function that depends on the whole password and the salt, and counts its calls.
func fake(h *Hasher) *atomic.Int32 {
	var calls atomic.Int32
	h.compute = func(h hashed, password string, size int) []byte {
		calls.Add(1)
		hash := make([]byte, size)
		for n, b := range []byte(string(h.salt) + password) {
			hash[n%size] = hash[n%size]*31 + b
		}
		return hash
	}
	return &calls
}

func TestHashVerifies(t *testing.T) {
	h := New(Options{})
	encoded, err := h.Hash(t.Context(), Caller{Network: "192.0.2.1"}, "correct horse")
	require.NoError(t, err)
	require.Regexp(t, `^\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}$`, encoded)
	for password, want := range map[string]bool{"correct horse": true, "correct Horse": false,
		"correct horse ": false, "": false} {
		right, _, err := h.Check(t.Context(), Caller{Network: "192.0.2.1"}, encoded, password)
		require.NoError(t, err)
		require.Equal(t, want, right, "%q", password)
	}
	again, err := h.Hash(t.Context(), Caller{Network: "192.0.2.1"}, "correct horse")
	require.NoError(t, err)
	require.NotEqual(t, encoded, again, "the salt is random")
}

// TestReferenceVector uses the example of the reference implementation.
func TestReferenceVector(t *testing.T) {
	const encoded = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc"
	right, _, err := New(Options{}).Check(t.Context(), Caller{}, encoded, "password")
	require.NoError(t, err)
	require.True(t, right)
}

func TestLongPasswordsThatShareTheirStartDiffer(t *testing.T) {
	h := New(Options{})
	start := strings.Repeat("a", 72) // where bcrypt stops reading
	encoded, err := h.Hash(t.Context(), Caller{}, start+"x")
	require.NoError(t, err)
	for password, want := range map[string]bool{start + "x": true, start + "y": false, start: false,
		start + "xy": false} {
		right, _, err := h.Check(t.Context(), Caller{}, encoded, password)
		require.NoError(t, err)
		require.Equal(t, want, right, "%d bytes", len(password))
	}
}

func TestComposedAndDecomposedFormsAreEqual(t *testing.T) {
	h := New(Options{})
	fake(h)
	for _, password := range []string{"crème brûlée", "비밀번호비밀번호", "Ångström", "密码　密码"} {
		encoded, err := h.Hash(t.Context(), Caller{}, norm.NFD.String(password))
		require.NoError(t, err)
		right, _, err := h.Check(t.Context(), Caller{}, encoded, norm.NFC.String(password))
		require.NoError(t, err)
		require.True(t, right, password)
	}
}

func TestUnknownUserCostsTheSame(t *testing.T) {
	h := New(Options{})
	encoded, err := h.Hash(t.Context(), Caller{}, "correct horse")
	require.NoError(t, err)
	var work []string
	h.compute = func(h hashed, password string, size int) []byte {
		work = append(work, fmt.Sprint(h.parameters, len(h.salt), size, password))
		return make([]byte, size) // equal to the dummy's hash, which must not match
	}
	for _, stored := range []string{encoded, ""} {
		right, _, err := h.Check(t.Context(), Caller{}, stored, "correct horse")
		require.NoError(t, err)
		require.False(t, right)
	}
	require.Len(t, work, 2)
	require.Equal(t, work[0], work[1])
}

func TestImpossiblePasswordCostsNothing(t *testing.T) {
	h := New(Options{})
	calls := fake(h)
	encoded, err := h.Hash(t.Context(), Caller{}, "correct horse")
	require.NoError(t, err)
	calls.Store(0)
	for name, password := range map[string]string{
		"a megabyte": strings.Repeat("a", 1<<20), "1025 bytes": strings.Repeat("a", 1025),
		"not UTF-8":           "correct \xff horse",
		"a control character": "correct\x00horse", "nothing": "",
	} {
		t.Run(name, func(t *testing.T) {
			_, err := h.Hash(t.Context(), Caller{}, password)
			require.Error(t, err)
			require.NotErrorIs(t, err, ErrBusy)
			for _, stored := range []string{encoded, ""} {
				right, _, err := h.Check(t.Context(), Caller{}, stored, password)
				require.NoError(t, err)
				require.False(t, right)
			}
		})
	}
	require.Zero(t, calls.Load())
}

func TestDamagedHashIsAnError(t *testing.T) {
	h := New(Options{})
	calls := fake(h)
	_, _, err := h.Check(t.Context(), Caller{}, "$argon2id$v=19$m=4294967295,t=2,p=1$c29tc2FsdA$CTFhFdXPJO1aFaMaO6Mm5Q",
		"correct horse")
	require.ErrorIs(t, err, errNotAHash)
	require.NotContains(t, err.Error(), "CTFh")
	require.Zero(t, calls.Load())
}

func TestCanceledContextDoesNoWork(t *testing.T) {
	h := New(Options{})
	calls := fake(h)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	encoded, err := h.Hash(ctx, Caller{}, "correct horse")
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, encoded)
	_, _, err = h.Check(ctx, Caller{}, "", "correct horse")
	require.ErrorIs(t, err, context.Canceled)
	require.Zero(t, calls.Load())
}
