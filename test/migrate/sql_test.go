package migrate_test

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// runSQL runs a script on a PostgreSQL database, like the pages, and returns its output.
func runSQL(t *testing.T, database, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "psql"), append([]string{"-qX", "-v", "ON_ERROR_STOP=1",
		database}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	require.NoError(t, err, "%s", log.String())
	return string(out)
}
