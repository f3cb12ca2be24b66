package migrate_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// server is the Lingpai to migrate to.
type server struct{ *harness.Dev }

// lingpai runs a command on the database of the running server, and returns its output and exit status.
func (s *server) lingpai(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), s.Program, args...)
	cmd.Env = s.Environment()
	var errors bytes.Buffer
	cmd.Stderr = &errors
	out, err := cmd.Output()
	if errors.Len() > 0 {
		t.Logf("%s: %s", strings.Join(args, " "), errors.String())
	}
	if cmd.ProcessState == nil {
		require.NoError(t, err)
	}
	return string(out), cmd.ProcessState.ExitCode()
}

func (s *server) run(t *testing.T, args ...string) string {
	t.Helper()
	out, status := s.lingpai(t, args...)
	require.Zero(t, status, "%s", out)
	return out
}

// importCounts is the summary of an import.
type importCounts struct {
	Imported     int  `json:"imported"`
	AlreadyThere int  `json:"already_there"`
	Refused      int  `json:"refused"`
	Warned       int  `json:"warned"`
	DryRun       bool `json:"dry_run"`
}

// imports imports a file according to the pages: a dry run, which writes nothing, the import, and the same import
// again. It returns the report.
func (s *server) imports(t *testing.T, name, text string, imported, refused int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	before := s.run(t, "users", "list")
	report := ""
	for _, run := range []struct {
		args []string
		want importCounts
	}{
		{[]string{"--dry-run"}, importCounts{Imported: imported, Refused: refused, DryRun: true}},
		{nil, importCounts{Imported: imported, Refused: refused}},
		{nil, importCounts{AlreadyThere: imported, Refused: refused}},
	} {
		written := filepath.Join(t.TempDir(), "report.csv")
		out, status := s.lingpai(t, append([]string{"users", "import", file, "--report", written, "--output",
			"json"}, run.args...)...)
		report = harness.Text(t, written)
		require.Equal(t, min(refused, 1), status, "%s%s", out, report)
		var counts importCounts
		require.NoError(t, json.Unmarshal([]byte(out), &counts), "%s", out)
		require.Equal(t, run.want, counts, report)
		if run.want.DryRun {
			require.Equal(t, before, s.run(t, "users", "list"), "a dry run writes nothing")
		}
	}
	return report
}

// bind binds dev's app and a website to the same Open Platform account, at the simulator and at the server.
func (s *server) bind(t *testing.T, openPlatform, website string) {
	t.Helper()
	var answer struct{ Error string }
	body := fmt.Sprintf(`{"appid":%q,"open_platform":%q}`, s.MiniProgram.AppID, openPlatform)
	require.Equal(t, http.StatusOK, sendJSON(t, http.MethodPost, s.Simulator.URL+"/_sim/bind",
		"application/json", body, &answer), answer.Error)
	s.run(t, "apps", "set-open-platform", s.MiniProgram.AppID, openPlatform)
	add := exec.CommandContext(t.Context(), s.Program, "apps", "add", website, "--kind", "website",
		"--open-platform", openPlatform)
	add.Stdin, add.Env = strings.NewReader("simulator-secret"), s.Environment()
	out, err := add.CombinedOutput()
	require.NoError(t, err, "%s", out)
}
