package bounds

import (
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestSamplerLetsOneOfManyThrough(t *testing.T) {
	t.Parallel()
	s := NewSampler(time.Minute)
	start := time.Unix(0, 0)
	omitted, through := s.Next("a", start)
	require.True(t, through)
	require.Zero(t, omitted)
	for range 3 {
		_, through = s.Next("a", start.Add(time.Minute-1))
		require.False(t, through)
	}
	_, through = s.Next("b", start)
	require.True(t, through, "another kind")
	omitted, through = s.Next("a", start.Add(time.Minute))
	require.True(t, through)
	require.Equal(t, 3, omitted)
	for n := range 10 * maxSampled {
		s.Next(strconv.Itoa(n), start)
	}
	require.LessOrEqual(t, len(s.seen), maxSampled)
}
