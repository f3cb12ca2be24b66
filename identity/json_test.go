package identity

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestUnambiguousJSON(t *testing.T) {
	t.Parallel()
	for _, good := range []string{`1`, `null`, `{}`, `[[1],{"a":[]}]`, `{"a":{"a":1},"b":1}`} {
		require.True(t, UnambiguousJSON([]byte(good), 3), good)
	}
	for _, bad := range []string{``, `{`, `{"a"}`, `{"a":1,"a":1}`, `{"a":1,"\u0061":2}`, `[[[[]]]]`, `[{"a":[{}]}]`,
		`{"a":{"b":1,"b":2}}`, `[1e999]`, `{"a":1]`, `[1}`} {
		require.False(t, UnambiguousJSON([]byte(bad), 3), bad)
	}
}
