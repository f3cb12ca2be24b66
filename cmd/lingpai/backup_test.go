package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/test/harness"
)

// noContainers lets the commands of deploy/README.md run on this machine. As in compose.yaml, migrations run before
// any other command.
const noContainers = `set -eu
docker() {
	case "$1 $2" in
	"compose exec") shift 4; "$@" ;;
	"compose run") shift 4; "$LINGPAI" migrate up && "$LINGPAI" "$@" ;;
	"compose stop" | "compose up") ;;
	*) return 1 ;;
	esac
}
`

// blockWith returns the block of commands in deploy/README.md that contains a text.
func blockWith(t *testing.T, text string) string {
	t.Helper()
	page, err := os.ReadFile("../../deploy/README.md")
	require.NoError(t, err)
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(page), -1) {
		if strings.Contains(block[1], text) {
			return block[1]
		}
	}
	require.Fail(t, "no block has "+text)
	return ""
}

// TestABackupFromBeforeAnUpgradeIsRestored by the commands of deploy/README.md, on a database that has tables of newer
// migrations. It keeps what it replaces.
func TestABackupFromBeforeAnUpgradeIsRestored(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"psql", "pg_dump", "pg_restore"} {
		if _, err := exec.LookPath(program); err != nil {
			harness.Skip(t, program+" is not installed")
		}
	}
	_, port := dbtest.TemporaryPostgreSQL(t).Socket()
	o := newOperator(t, "LINGPAI_DATABASE_URL=postgres://lingpai@127.0.0.1:"+port+"/lingpai?sslmode=disable")
	run := func(script string) string {
		t.Helper()
		command := exec.CommandContext(t.Context(), "sh", "-c", noContainers+script)
		command.Dir = o.folder
		command.Env = append(append(os.Environ(), o.env...), "LINGPAI="+binary, "PGHOST=127.0.0.1", "PGPORT="+port)
		out, err := command.CombinedOutput()
		require.NoError(t, err, "%s", out)
		return string(out)
	}
	prepare, err := os.ReadFile("../../deploy/postgres-init.sql")
	require.NoError(t, err)
	o.write("password", "of the role")
	o.write("init.sql", strings.ReplaceAll(string(prepare), "/run/secrets/lingpai_password",
		filepath.Join(o.folder, "password")))
	run("psql -q -U postgres -v ON_ERROR_STOP=1 -f init.sql")

	o.ok("migrate", "up")
	for range 4 { // 0014 to 0017: two of them add tables
		o.ok("migrate", "down", "--lose-data")
	}
	run(blockWith(t, "pg_dump"))
	o.ok("migrate", "up")
	o.okWith("a good password", "users", "create", "bob")
	run(blockWith(t, "pg_restore"))
	require.Empty(t, o.listed("users", "list"), "as in the backup")
	require.Contains(t, o.ok("migrate", "up"), "up to date")
	o.okWith("a good password", "users", "create", "alice")
	replaced := strings.TrimSpace(run(
		`psql -U postgres -Atc "SELECT datname FROM pg_database WHERE datname LIKE 'replaced%'"`))
	require.Regexp(t, `^replaced_\d{8}t\d{6}z$`, replaced)
	kept := o.with("LINGPAI_DATABASE_URL=postgres://lingpai@127.0.0.1:" + port + "/" + replaced + "?sslmode=disable")
	require.Len(t, kept.listed("users", "list"), 1)
	run(`psql -q -U postgres -c "ALTER DATABASE ` + replaced + ` RENAME TO first"`) // this is the same second
	run(blockWith(t, "pg_dump") + blockWith(t, "pg_restore"))                       // a backup of the same version
	require.Len(t, o.listed("users", "list"), 1)
}
