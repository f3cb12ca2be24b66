package keys

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestChooseActive(t *testing.T) {
	at := func(hours int) time.Time { return start.Add(time.Duration(hours) * time.Hour) }
	key := func(sequence int, signing, retired, gone time.Time) Record {
		return Record{Purpose: Signing, Sequence: sequence, AnnouncedAt: at(-100), SigningAt: signing,
			RetiredAt: retired, GoneAt: gone}
	}
	never := time.Time{}
	for name, test := range map[string]struct {
		records []Record
		want    int // sequence; 0: none
	}{
		"nothing":      {nil, 0},
		"the only key": {[]Record{key(1, at(-1), never, never)}, 1},
		"begins now":   {[]Record{key(1, start, never, never)}, 1},
		"the one that began last": {[]Record{key(2, at(-1), never, never),
			key(1, at(-2), never, never)}, 2},
		"a later key is not used yet": {[]Record{key(1, at(-1), never, never),
			key(2, at(1), never, never)}, 1},
		"an announced key has no time": {[]Record{key(1, at(-1), never, never),
			key(2, never, never, never)}, 1},
		"a retired key does not sign": {[]Record{key(1, at(-2), never, never),
			key(2, at(-1), start, never)}, 1},
		"a key retired in future signs": {[]Record{key(1, at(-2), at(1), never)}, 1},
		"a gone key does not sign":      {[]Record{key(1, at(-2), never, at(-1))}, 0},
		"only announced":                {[]Record{key(1, never, never, never)}, 0},
		"begun at once, the higher sequence": {[]Record{key(3, start, never, never),
			key(4, start, never, never)}, 4},
		"our clock is behind the creator's": {[]Record{key(1, at(1), never, never)}, 1},
		"our clock is behind: the first to begin": {[]Record{key(2, at(2), never, never),
			key(1, at(1), never, never)}, 1},
		"begun is preferred to beginning": {[]Record{key(2, at(1), never, never),
			key(1, at(-9), never, never)}, 1},
		"of another purpose": {[]Record{{Purpose: Refresh, Sequence: 1, SigningAt: at(-1)}}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			got, found := chooseActive(test.records, Signing, start)
			require.Equal(t, test.want != 0, found)
			require.Equal(t, test.want, got.Sequence)
		})
	}
}
