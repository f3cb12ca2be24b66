package tokens

import (
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

var (
	now = time.Unix(1_800_000_000, 0)

	key   = HashKey("the-key-of-this-refresh-token")
	other = HashKey("the-key-of-another-refresh-01")
	third = HashKey("the-key-of-nobody")

	policy   = RotationPolicy{Window: 30 * time.Second}
	noWindow = RotationPolicy{}
)

// decisions are rows of the decision table of a refresh.
type decisions []struct {
	name      string
	session   identity.Session
	presented uint32
	key       []byte
	policy    RotationPolicy
	want      verdicts
}

type verdicts struct{ lenient, strict Verdict }

func both(v Verdict) verdicts { return verdicts{v, v} }

func ago(d time.Duration) time.Time { return now.Add(-d) }

func one(g uint32, at time.Time, keyHash []byte) identity.Rotation {
	return identity.Rotation{Lowest: g, Highest: g, At: at, KeyHash: keyHash}
}

func at(generation uint32, rotations ...identity.Rotation) identity.Session {
	return identity.Session{Generation: generation, Rotations: rotations}
}

func (rows decisions) check(t *testing.T) {
	t.Helper()
	for _, c := range rows {
		for strict, want := range map[bool]Verdict{false: c.want.lenient, true: c.want.strict} {
			t.Run(fmt.Sprintf("%s,strict=%t", c.name, strict), func(t *testing.T) {
				decision := Decide(c.session, Refresh{c.presented, c.key, strict}, now, c.policy)
				require.Equal(t, want, decision.Verdict)
				if want != Rotate {
					require.Equal(t, c.session, decision.Session, "only a rotation changes the session")
					return
				}
				require.Equal(t, c.presented+1, decision.Session.Generation)
				require.Equal(t, now, decision.Session.LastSeenAt)
				require.Equal(t, identity.Rotation{Lowest: c.session.Generation, Highest: c.presented, At: now,
					KeyHash: c.key, Lost: c.presented > c.session.Generation}, decision.Session.Rotations[0])
			})
		}
	}
}

func TestDecideOnCurrentTokensAndKeysOfOthers(t *testing.T) {
	decisions{
		{"current, without key", at(7), 7, nil, policy, both(Rotate)},
		{"current, with key", at(7), 7, key, policy, both(Rotate)},
		{"current, without a window", at(7), 7, nil, noWindow, both(Rotate)},
		{"current, with the key of another", at(8, one(7, ago(time.Hour), key)), 8, key, policy, both(RefuseKey)},
		{"ahead, with the key of another", at(8, one(7, ago(time.Hour), key)), 9, key, policy, both(RefuseKey)},
		{"retired, with the key of another", at(9, one(8, ago(time.Hour), key), one(7, ago(time.Hour), other)), 7,
			key, policy, both(RefuseKey)},
		{"current, all with one key from before it was rejected", at(9, one(8, ago(time.Hour), key),
			one(7, ago(time.Hour), key)), 9, key, policy, both(RefuseKey)},
		{"retired, all with one key from before it was rejected", at(9, one(8, ago(time.Hour), key),
			one(7, ago(time.Hour), key)), 8, key, policy, both(Repeat)},
	}.check(t)
}

func TestDecideOnRetiredTokens(t *testing.T) {
	decisions{
		{"retired without key, within the window", at(8, one(7, ago(30*time.Second), nil)), 7, nil, policy,
			both(Repeat)},
		{"retired without key, within the window, repeated with a key", at(8, one(7, ago(time.Second), nil)), 7,
			key, policy, verdicts{Repeat, Theft}},
		{"retired without key, just after the window", at(8, one(7, ago(30*time.Second+time.Millisecond), nil)), 7,
			nil, policy, both(Theft)},
		{"retired without key, without a window", at(8, one(7, now, nil)), 7, nil, noWindow, both(Theft)},
		{"retired without key, several rotations ago, within the window", at(9, one(8, ago(time.Second), nil),
			one(7, ago(2*time.Second), nil)), 7, nil, policy, both(Repeat)},
		{"retired with a key, same key, at once", at(8, one(7, now, key)), 7, key, policy, both(Repeat)},
		{"same key, a year later", at(8, one(7, ago(8760*time.Hour), key)), 7, key, policy, both(Repeat)},
		{"same key, a year later, without a window", at(8, one(7, ago(8760*time.Hour), key)), 7, key, noWindow,
			both(Repeat)},
		{"same key, no longer the predecessor, within ten minutes", at(9, one(8, now, other),
			one(7, ago(10*time.Minute), key)), 7, key, policy, both(Repeat)},
		{"same key, no longer the predecessor, later", at(9, one(8, now, other),
			one(7, ago(10*time.Minute+time.Millisecond), key)), 7, key, policy, both(Theft)},
		{"retired with a key, another key, within the window", at(8, one(7, ago(time.Second), key)), 7,
			third, policy, verdicts{Repeat, Theft}},
		{"retired with a key, no key, within the window", at(8, one(7, ago(time.Second), key)), 7, nil, policy,
			verdicts{Repeat, Theft}},
		{"retired with a key, another key, later", at(8, one(7, ago(time.Minute), key)), 7, third, policy, both(Theft)},
		{"retired with a key, no key, later", at(8, one(7, ago(time.Minute), key)), 7, nil, policy, both(Theft)},
		{"retired before the stored rotations", at(20, one(19, now, nil)), 3, nil, policy, both(Theft)},
		{"retired without stored rotations", at(5), 4, nil, policy, both(Theft)},
	}.check(t)
}

func TestDecideWhenTheClockWasSetBack(t *testing.T) {
	decisions{
		{"retired in the future by the window", at(8, one(7, ago(-30*time.Second), nil)), 7, nil, policy,
			both(Repeat)},
		{"retired in the future by more", at(8, one(7, ago(-30*time.Second-time.Millisecond), nil)), 7, nil, policy,
			both(RefuseClock)},
		{"retired in the future by more, another key", at(8, one(7, ago(-time.Minute), key)), 7, third, policy,
			both(RefuseClock)},
		{"retired in the future by more, same key", at(8, one(7, ago(-time.Minute), key)), 7, key, policy,
			both(Repeat)},
		{"retired in the future by more, same key, no longer the predecessor", at(9, one(8, ago(-time.Minute), other),
			one(7, ago(-time.Minute), key)), 7, key, policy, both(RefuseClock)},
		{"retired in the future, without a window", at(8, one(7, ago(-time.Millisecond), nil)), 7, nil, noWindow,
			both(RefuseClock)},
	}.check(t)
}

func TestDecideOnTokensAheadOfTheRow(t *testing.T) {
	decisions{
		{"ahead of the row", at(7, one(6, ago(time.Hour), nil)), 9, nil, policy, both(Rotate)},
		{"ahead of the row, with a key", at(7), 8, key, policy, both(Rotate)},
		{"ahead of the row, rejected by policy", at(7), 8, nil, RotationPolicy{Window: time.Second,
			RefuseAhead: true}, both(Refuse)},
		{"the last possible generation", at(math.MaxUint32), math.MaxUint32, nil, policy, both(Refuse)},
	}.check(t)
}

// TestDecideAfterLostCommits: after a failover all callers with tokens of the lost generations are honest, with and
// without keys.
func TestDecideAfterLostCommits(t *testing.T) {
	for _, strict := range []bool{false, true} {
		decide := func(session identity.Session, g uint32, key string, at time.Time) Decision {
			return Decide(session, Refresh{g, HashKey(key), strict}, at, policy)
		}
		decision := decide(identity.Session{Generation: 3}, 6, "the-key-of-this-refresh-token", now)
		require.True(t, decision.Ahead)
		require.EqualValues(t, 7, decision.Session.Generation)
		for g := uint32(3); g <= 6; g++ {
			for _, key := range []string{"", fmt.Sprintf("the-key-of-generation-%d", g)} {
				require.Equal(t, Repeat, decide(decision.Session, g, key, now.Add(29*time.Second)).Verdict,
					"generation %d", g)
			}
		}
		require.Equal(t, Theft, decide(decision.Session, 2, "", now).Verdict)
		require.Equal(t, Theft, decide(decision.Session, 4, "", now.Add(31*time.Second)).Verdict)
	}
}

// TestDecideKeepsAtMostMaxRotations also checks that it does not write into the slice of the given session.
func TestDecideKeepsAtMostMaxRotations(t *testing.T) {
	now, session := now, identity.Session{}
	for range 20 {
		before := append([]identity.Rotation(nil), session.Rotations...)
		decision := Decide(session, Refresh{Generation: session.Generation}, now, RotationPolicy{Window: time.Second})
		require.Equal(t, before, append([]identity.Rotation(nil), session.Rotations...))
		session = decision.Session
		now = now.Add(2 * time.Second)
	}
	require.Len(t, session.Rotations, identity.MaxRotations)
	require.EqualValues(t, 19, session.Rotations[0].Lowest)
	require.EqualValues(t, 12, session.Rotations[identity.MaxRotations-1].Lowest)
}

// TestDecideMergesTheOldestRotations: what is within the window must not be forgotten.
func TestDecideMergesTheOldestRotations(t *testing.T) {
	session := identity.Session{Generation: 10}
	for n := range uint32(identity.MaxRotations) {
		session.Rotations = append(session.Rotations, identity.Rotation{Lowest: 9 - n, Highest: 9 - n,
			At: now.Add(-time.Duration(n+1) * time.Second), KeyHash: key})
	}
	lost := session
	lost.Rotations = append([]identity.Rotation(nil), session.Rotations...)
	lost.Rotations[6].Lost, lost.Rotations[7].Lost = true, true
	half := session
	half.Rotations = append([]identity.Rotation(nil), session.Rotations...)
	half.Rotations[7].Lost = true
	merged := identity.Rotation{Lowest: 2, Highest: 3, At: now.Add(-7 * time.Second)}
	bothLost := merged
	bothLost.Lost = true
	for name, c := range map[string]struct {
		session identity.Session
		window  time.Duration
		want    identity.Rotation
	}{
		"within the window": {session, 8 * time.Second, merged},
		"both lost":         {lost, 8 * time.Second, bothLost},
		"one lost":          {half, 8 * time.Second, merged},
		"after the window":  {session, 7 * time.Second, session.Rotations[6]},
		"without a window":  {session, 0, session.Rotations[6]},
	} {
		t.Run(name, func(t *testing.T) {
			decision := Decide(c.session, Refresh{Generation: 10}, now, RotationPolicy{Window: c.window})
			require.Equal(t, Rotate, decision.Verdict)
			require.Len(t, decision.Session.Rotations, identity.MaxRotations)
			require.Equal(t, c.want, decision.Session.Rotations[identity.MaxRotations-1])
			require.Equal(t, key, c.session.Rotations[7].KeyHash, "the given session is unchanged")
		})
	}
}
