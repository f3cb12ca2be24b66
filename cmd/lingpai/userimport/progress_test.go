package userimport

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestProgressIsABarOrALineEveryFewSeconds(t *testing.T) {
	var w bytes.Buffer
	bar := newBarProgress(&w, 1000)
	bar.moved(12_345, 500)
	bar.say("line 7 refused: because")
	bar.moved(24_690, 2000) // standard input may have grown
	bar.end()
	require.Contains(t, w.String(), "\nline 7 refused: because\n"[1:])
	require.Contains(t, w.String(), "100%")
	require.Contains(t, w.String(), "24 690 rows")

	w.Reset()
	plain := newProgress(&w, 1000).(*plainProgress)
	plain.moved(1, 1)
	require.Empty(t, w.String(), "not yet")
	plain.every = 0
	plain.moved(12_345, 500)
	plain.size = 0
	plain.moved(12_345, 500)
	plain.end()
	require.Regexp(t, `^12 345 rows, [0-9 ]+ rows/s, 50 %\n12 345 rows, [0-9 ]+ rows/s\n$`, w.String())
}
