package migrate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// members compares the documented members of the import file with the command, which lists the members when it gets
// an unknown one.
func (m *migration) members(t *testing.T) {
	file := filepath.Join(t.TempDir(), "nothing.csv")
	require.NoError(t, os.WriteFile(file, []byte("nothing\n"), 0o600))
	cmd := exec.CommandContext(t.Context(), m.Program, "users", "import", file)
	cmd.Env = m.Environment()
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	listed := regexp.MustCompile(`each must be one of ([a-z_, ]+)`).FindSubmatch(out)
	require.NotNil(t, listed, "%s", out)
	known := append(strings.Split(string(listed[1]), ", "), "accounts") // not in CSV
	slices.Sort(known)
	for _, page := range []string{"docs/migrate/README.md", "docs/migrate/README.zh-CN.md"} {
		text := harness.Document(t, page)
		var named []string
		for _, row := range regexp.MustCompile("(?m)^\\| `(\\w+)` \\|").FindAllStringSubmatch(
			text[strings.LastIndex(text, "\n|---|---|\n"):], -1) {
			named = append(named, row[1])
		}
		slices.Sort(named)
		require.Equal(t, known, named, page)
	}
}
