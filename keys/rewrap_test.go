package keys

import (
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestMasterKeysAreReplacedStepByStep by restarting servers one after the other: servers of two consecutive steps
// understand each other at any time.
func TestMasterKeysAreReplacedStepByStep(t *testing.T) {
	s := newServers(t)
	old, added := entry("k1", 'a'), entry("k2", 'b')
	steps := []*Ring{newRing(t, old), newRing(t, old, added), newRing(t, added, old), newRing(t, added)}
	for n := 1; n < len(steps); n++ {
		if n == len(steps)-1 {
			s.a.ring = steps[n-1]
			count, err := s.a.Rewrap(t.Context())
			require.NoError(t, err)
			require.NotZero(t, count)
			again, err := s.a.Rewrap(t.Context())
			require.NoError(t, err)
			require.Zero(t, again)
		}
		for _, rings := range [][2]*Ring{{steps[n-1], steps[n]}, {steps[n], steps[n-1]}, {steps[n], steps[n]}} {
			s.a.ring, s.b.ring = rings[0], rings[1]
			s.pass(31 * 24 * time.Hour) // a rotation during each step
			for _, k := range []*Keeper{s.a, s.b, s.a} {
				require.NoError(t, k.Reload(t.Context()))
				require.NoError(t, k.changeAndReload(t.Context(), planOfServers, ""))
			}
			s.requireAgreed(t)
		}
	}
	for _, r := range s.store.records {
		if len(r.Sealed) > 0 {
			require.False(t, steps[3].Outdated(r.Sealed))
		}
	}
}

// TestRewrapNeedsTheLatestVersion of a fleet: otherwise the operator would drop a master key that those servers still
// need.
func TestRewrapNeedsTheLatestVersion(t *testing.T) {
	s := newServers(t)
	old, added := entry("k1", 'a'), entry("k2", 'b')
	s.store.records = append(s.store.records, Record{ID: "theirs", Purpose: "of a later version", Sequence: 1,
		Sealed: seal(t, newRing(t, old))})
	before := slices.Clone(s.store.records)
	s.a.ring = newRing(t, added, old)
	_, err := s.a.Rewrap(t.Context())
	require.ErrorContains(t, err, `the key "theirs"`)
	require.Equal(t, before, s.store.records)

	s.store.records[len(before)-1].Sealed = seal(t, newRing(t, added)) // that version has resealed it
	count, err := s.a.Rewrap(t.Context())
	require.NoError(t, err)
	require.Equal(t, len(before)-1, count)
}

func seal(t *testing.T, ring *Ring) []byte {
	sealed, err := ring.Seal("of a later version", "theirs", []byte("secret"))
	require.NoError(t, err)
	return sealed
}
