package lingpai

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
)

// TestMigrate moves the people of each shape that docs/migrate tells of: their old tables are filled, the
// export of the page is run, the file imported, people sign in, and the API of the page takes both kinds of
// tokens.
func TestMigrate(t *testing.T) {
	t.Parallel()
	m := newMigration(t)
	t.Run("the members of the import file", m.members)
	t.Run("express", m.express)
	t.Run("koa-mongo", m.koaMongo)
	t.Run("hapi", m.hapi)
	t.Run("redis-3rd-session", m.redis3rdSession)
	t.Run("casdoor", m.casdoor)
}

// migration is a Lingpai that people move to, and the programs of docs/examples with the modules that they use.
type migration struct {
	program, folder, examples string
	devReady
	Confidential struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"confidential"`
}

const (
	migrateAudience = "https://api.example.com" // of dev's clients
	migrateOther    = "migrate-other"           // a client whose tokens are for another API
)

func newMigration(t *testing.T) *migration {
	t.Helper()
	m := &migration{folder: t.TempDir(), examples: migrateExamples(t)}
	m.program = filepath.Join(m.folder, "lingpai.exe") // a name that every system runs
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", m.program, "./cmd/lingpai").CombinedOutput()
	require.NoError(t, err, "%s", out)
	dev := exec.Command(m.program, "dev", "--addr", "127.0.0.1:0", "--data", filepath.Join(m.folder, "data"),
		"--output", "json")
	require.NoError(t, json.Unmarshal([]byte(migrateStart(t, dev).line(t)), m))
	m.run(t, "clients", "create", migrateOther, "--public", "--grant", "wechat_code", "--app", m.MiniProgram.AppID,
		"--audience", "https://other.example.com")
	return m
}

// migrateExamples puts docs/examples and its modules, at the versions of the lock file, into a folder of the test.
func migrateExamples(t *testing.T) string {
	t.Helper()
	npm := migrateTool(t, "npm")
	folder := t.TempDir()
	require.NoError(t, os.CopyFS(filepath.Join(folder, "migrate"), os.DirFS("docs/examples/migrate")))
	for _, name := range []string{"package.json", "package-lock.json"} {
		require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(readDocument(t, "docs/examples/"+name)),
			0o600))
	}
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit",
		"--no-fund", "--fetch-retries=1")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%s", out)
		migrateLeaveOut(t, "npm ci failed: "+err.Error())
	}
	return folder
}

// migrateTool finds a program that the pages tell people to run.
func migrateTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		migrateLeaveOut(t, name+" is not installed")
	}
	return path
}

// migrateLeaveOut skips, since people need Go and nothing else; but CI has all there is.
func migrateLeaveOut(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip("NOT RUN: the programs of docs/migrate: " + reason)
}

// lingpai runs a command on the database of the running server, and returns what it wrote, and its status.
func (m *migration) lingpai(t *testing.T, args ...string) (string, int) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), m.program, args...)
	cmd.Env = append(os.Environ(), m.environment()...)
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

func (m *migration) run(t *testing.T, args ...string) string {
	t.Helper()
	out, status := m.lingpai(t, args...)
	require.Zero(t, status, "%s", out)
	return out
}

// migrateCounts is what an import says of itself.
type migrateCounts struct {
	Imported     int  `json:"imported"`
	AlreadyThere int  `json:"already_there"`
	Refused      int  `json:"refused"`
	Warned       int  `json:"warned"`
	DryRun       bool `json:"dry_run"`
}

// imports imports a file as the pages say: a dry run, which writes nothing, the import, and the same once
// more. It returns the report.
func (m *migration) imports(t *testing.T, name, text string, imported, refused int) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), name)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	before := m.run(t, "users", "list")
	report := ""
	for _, run := range []struct {
		args []string
		want migrateCounts
	}{
		{[]string{"--dry-run"}, migrateCounts{Imported: imported, Refused: refused, DryRun: true}},
		{nil, migrateCounts{Imported: imported, Refused: refused}},
		{nil, migrateCounts{AlreadyThere: imported, Refused: refused}},
	} {
		written := filepath.Join(t.TempDir(), "report.csv")
		out, status := m.lingpai(t, append([]string{"users", "import", file, "--report", written, "--output",
			"json"}, run.args...)...)
		report = readDocument(t, written)
		require.Equal(t, min(refused, 1), status, "%s%s", out, report)
		var counts migrateCounts
		require.NoError(t, json.Unmarshal([]byte(out), &counts), "%s", out)
		require.Equal(t, run.want, counts, report)
		if run.want.DryRun {
			require.Equal(t, before, m.run(t, "users", "list"), "a dry run writes nothing")
		}
	}
	return report
}

// bind says that dev's app and one of a website belong to one Open Platform account, to WeChat and to the server.
func (m *migration) bind(t *testing.T, openPlatform, website string) {
	t.Helper()
	var answer struct{ Error string }
	body := fmt.Sprintf(`{"appid":%q,"open_platform":%q}`, m.MiniProgram.AppID, openPlatform)
	require.Equal(t, http.StatusOK, migrateJSON(t, http.MethodPost, m.Simulator.URL+"/_sim/bind",
		"application/json", body, &answer), answer.Error)
	m.run(t, "apps", "set-open-platform", m.MiniProgram.AppID, openPlatform)
	add := exec.CommandContext(t.Context(), m.program, "apps", "add", website, "--kind", "website",
		"--open-platform", openPlatform)
	add.Stdin, add.Env = strings.NewReader("simulator-secret"), append(os.Environ(), m.environment()...)
	out, err := add.CombinedOutput()
	require.NoError(t, err, "%s", out)
}

// environment is what commands need to reach the database of the running server.
func (m *migration) environment() []string {
	data := filepath.Join(m.folder, "data")
	return []string{"LINGPAI_DATABASE_URL=sqlite:" + filepath.ToSlash(filepath.Join(data, "lingpai.db")),
		"LINGPAI_MASTER_KEY_FILE=" + filepath.Join(data, "master.key")}
}
