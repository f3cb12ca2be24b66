package libraries_test

import (
	"io/fs"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestGuideShowsWhatIsRun: the guide contains each program unchanged, and those for Spring say that they are not
// tested.
func TestGuideShowsWhatIsRun(t *testing.T) {
	shown, found := harness.Fenced(harness.Document(t, guide)), 0
	files := os.DirFS(harness.Path(programs))
	require.NoError(t, fs.WalkDir(files, ".", func(file string, f fs.DirEntry, err error) error {
		if err != nil || f.IsDir() {
			return err
		}
		found++
		text := harness.Document(t, programs+"/"+file)
		require.Contains(t, shown, text, file)
		require.Equal(t, strings.HasPrefix(file, "spring/"), strings.Contains(text, "Not run by us"), file)
		return nil
	}))
	require.Equal(t, 13, found)
}
