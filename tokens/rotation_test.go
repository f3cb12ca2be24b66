package tokens

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestDecide tests the decision table of a refresh.
func TestDecide(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	key, other := HashKey("the-key-of-this-refresh-token"), HashKey("the-key-of-another-refresh-01")
	policy := RotationPolicy{Window: 30 * time.Second}
	strict := RotationPolicy{}
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	one := func(g uint32, at time.Time, keyHash []byte) identity.Rotation {
		return identity.Rotation{Lowest: g, Highest: g, At: at, KeyHash: keyHash, AnyKey: keyHash == nil}
	}
	at := func(generation uint32, rotations ...identity.Rotation) identity.Session {
		return identity.Session{Generation: generation, Rotations: rotations}
	}
	for _, c := range []struct {
		name      string
		session   identity.Session
		presented uint32
		key       []byte
		policy    RotationPolicy
		want      Verdict
	}{
		{"current, without key", at(7), 7, nil, policy, Rotate},
		{"current, with key", at(7), 7, key, policy, Rotate},
		{"current, strict", at(7), 7, nil, strict, Rotate},
		{"retired without key, within the window", at(8, one(7, ago(30*time.Second), nil)), 7, nil, policy, Repeat},
		{"retired without key, within the window, repeated with a key", at(8, one(7, ago(time.Second), nil)), 7,
			key, policy, Repeat},
		{"retired without key, just after the window", at(8, one(7, ago(30*time.Second+time.Millisecond), nil)), 7,
			nil, policy, Theft},
		{"retired without key, strict", at(8, one(7, now, nil)), 7, nil, strict, Theft},
		{"retired without key, several rotations ago, within the window", at(9, one(8, ago(time.Second), nil),
			one(7, ago(2*time.Second), nil)), 7, nil, policy, Repeat},
		{"retired with a key, same key, at once", at(8, one(7, now, key)), 7, key, policy, Repeat},
		{"retired with a key, same key, a year later", at(8, one(7, ago(8760*time.Hour), key)), 7, key, policy, Repeat},
		{"retired with a key, same key, a year later, strict", at(8, one(7, ago(8760*time.Hour), key)), 7,
			key, strict, Repeat},
		{"retired with a key, same key, no longer the predecessor, within the window", at(9, one(8, now, other),
			one(7, ago(time.Second), key)), 7, key, policy, Repeat},
		{"retired with a key, same key, no longer the predecessor, later", at(9, one(8, now, other),
			one(7, ago(time.Minute), key)), 7, key, policy, Theft},
		{"retired with a key, another key, within the window", at(8, one(7, ago(time.Second), key)), 7,
			other, policy, Refuse},
		{"retired with a key, no key, within the window", at(8, one(7, ago(time.Second), key)), 7, nil, policy, Refuse},
		{"retired with a key, another key, later", at(8, one(7, ago(time.Minute), key)), 7, other, policy, Theft},
		{"retired with a key, no key, later", at(8, one(7, ago(time.Minute), key)), 7, nil, policy, Theft},
		{"retired before the stored rotations", at(20, one(19, now, nil)), 3, nil, policy, Theft},
		{"retired without stored rotations", at(5), 4, nil, policy, Theft},
		{"ahead of the row", at(7, one(6, ago(time.Hour), nil)), 9, nil, policy, Rotate},
		{"ahead of the row, with a key", at(7), 8, key, policy, Rotate},
		{"ahead of the row, rejected by policy", at(7), 8, nil, RotationPolicy{Window: time.Second,
			RefuseAhead: true}, Refuse},
		{"the last possible generation", at(math.MaxUint32), math.MaxUint32, nil, policy, Refuse},
	} {
		t.Run(c.name, func(t *testing.T) {
			decision := Decide(c.session, c.presented, c.key, now, c.policy)
			require.Equal(t, c.want, decision.Verdict)
			if c.want != Rotate {
				require.Equal(t, c.session, decision.Session, "only a rotation changes the session")
				return
			}
			require.Equal(t, c.presented+1, decision.Session.Generation)
			require.Equal(t, now, decision.Session.LastSeenAt)
			first := decision.Session.Rotations[0]
			require.Equal(t, c.session.Generation, first.Lowest)
			require.Equal(t, c.presented, first.Highest)
			require.Equal(t, c.key, first.KeyHash)
		})
	}
}

// TestDecideAcceptsAnyKeyAfterLostCommits: after a failover all callers with tokens of the lost generations are honest,
// with and without keys.
func TestDecideAcceptsAnyKeyAfterLostCommits(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	policy := RotationPolicy{Window: 30 * time.Second}
	decision := Decide(identity.Session{Generation: 3}, 6, HashKey("the-key-of-this-refresh-token"), now, policy)
	require.True(t, decision.Ahead)
	require.EqualValues(t, 7, decision.Session.Generation)
	for g := uint32(3); g <= 6; g++ {
		require.Equal(t, Repeat, Decide(decision.Session, g, nil, now.Add(29*time.Second), policy).Verdict,
			"generation %d", g)
	}
	require.Equal(t, Theft, Decide(decision.Session, 2, nil, now, policy).Verdict)
	require.Equal(t, Theft, Decide(decision.Session, 4, nil, now.Add(31*time.Second), policy).Verdict)
}

// TestDecideKeepsAtMostMaxRotations also checks that it does not write into the slice of the given session.
func TestDecideKeepsAtMostMaxRotations(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	session := identity.Session{}
	for range 20 {
		before := append([]identity.Rotation(nil), session.Rotations...)
		decision := Decide(session, session.Generation, nil, now, RotationPolicy{Window: time.Second})
		require.Equal(t, before, append([]identity.Rotation(nil), session.Rotations...))
		session = decision.Session
	}
	require.Len(t, session.Rotations, identity.MaxRotations)
	require.EqualValues(t, 19, session.Rotations[0].Lowest)
}
