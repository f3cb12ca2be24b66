package migrate_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// TestMigrate migrates each kind of program in docs/migrate: it fills the old tables, runs the export of the page,
// imports the file, signs users in, and checks that the API of the page accepts both kinds of tokens.
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

// migration is a server to migrate to, and the programs of docs/examples with their modules.
type migration struct {
	*server
	examples string
}

// otherClient is a client whose tokens are for another API.
const otherClient = "migrate-other"

func newMigration(t *testing.T) *migration {
	t.Helper()
	examples := installExamples(t)
	m := &migration{&server{harness.StartDev(t)}, examples}
	m.run(t, "clients", "create", otherClient, "--public", "--grant", "wechat_code", "--app", m.MiniProgram.AppID,
		"--audience", "https://other.example.com")
	return m
}

// installExamples copies docs/examples and installs its modules, at the versions of the lock file, into a folder of
// the test.
func installExamples(t *testing.T) string {
	t.Helper()
	folder, examples := t.TempDir(), harness.Path("docs/examples")
	harness.DependsOn(t, examples)
	require.NoError(t, os.CopyFS(filepath.Join(folder, "migrate"), os.DirFS(filepath.Join(examples, "migrate"))))
	for _, name := range []string{"package.json", "package-lock.json"} {
		harness.CopyFile(t, filepath.Join(examples, name), filepath.Join(folder, name))
	}
	if err := harness.UseNodeModules(t, examples, folder); err != nil {
		leaveOut(t, err.Error())
	}
	return folder
}

// tool finds a program that the pages use.
func tool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		leaveOut(t, name+" is not installed")
	}
	return path
}

// leaveOut skips a test that needs more than Go.
func leaveOut(t *testing.T, reason string) {
	t.Helper()
	harness.Skip(t, "the programs of docs/migrate: "+reason)
}
