package main

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// importSize is how many rows the large imports have: go test ./cmd/lingpai -run ImportOfMany -v -timeout 1h
// -import.rows 1000000
var importSize = flag.Int("import.rows", 10_000, "rows that are imported at once")

// maxImportMemory is how much memory an import may use, in MiB, for any number of rows.
const maxImportMemory = 200

func TestImportOfManyRowsIntoSQLite(t *testing.T) {
	t.Parallel()
	importMany(t, migrated(t))
}

func TestImportOfManyRowsIntoPostgreSQL(t *testing.T) {
	t.Parallel()
	importMany(t, migrated(t, "LINGPAI_DATABASE_URL="+dbtest.PostgreSQL(t)))
}

// importMany imports a file of rows with all members twice, and bounds the memory that it uses.
func importMany(t *testing.T, o *operator) {
	t.Helper()
	o.okWith(simSecret, "apps", "add", appID, "--open-platform", "main")
	o.generate("people.jsonl", *importSize)
	first := o.imports("people.jsonl")
	require.Zero(t, first.code, first.stderr)
	require.Equal(t, fmt.Sprintf("imported %s, already there 0, refused 0\n", terminal.Grouped(*importSize)),
		first.stdout)
	t.Logf("first: %s", first.figures(*importSize))
	again := o.imports("people.jsonl")
	require.Zero(t, again.code, again.stderr)
	require.Equal(t, fmt.Sprintf("imported 0, already there %s, refused 0\n", terminal.Grouped(*importSize)),
		again.stdout)
	t.Logf("again: %s", again.figures(*importSize))
	for _, run := range []importAnswer{first, again} {
		require.Less(t, run.peak, maxImportMemory<<10, "KiB in memory")
	}
	user, _ := o.shown(fmt.Sprint("legacy-", *importSize-1))
	require.Equal(t, fmt.Sprint("user", *importSize-1), user["username"])
}

// generate writes a file of n rows.
func (o importCommands) generate(name string, rows int) {
	o.t.Helper()
	file, err := os.Create(filepath.Join(o.folder, name))
	require.NoError(o.t, err)
	defer file.Close()
	w := bufio.NewWriter(file)
	hash := imported(o.t, "the old one")
	for n := range rows {
		fmt.Fprintf(w, `{"sub":"legacy-%d","username":"user%d","password_hash":"%s","name":"用户 %d",`+
			`"nickname":"nick%d","picture":"https://img.example.com/%d.png",`+
			`"gender":"female","locale":"zh-CN","email":"user%d@example.com","phone":"138%08d",`+
			`"roles":["member","shop:read"],"created_at":%d,`+
			`"app":"%s","openid":"o-%026d","unionid":"u-%026d"}`+"\n", n, n, hash, n, n, n, n, n, 1_500_000_000+n,
			appID, n, n)
	}
	require.NoError(o.t, w.Flush())
}

// importAnswer is the output of an import, and the time and memory that it used.
type importAnswer struct {
	answer
	peak int // KiB in memory; 0: unknown
	took time.Duration
}

func (a importAnswer) figures(rows int) string {
	return fmt.Sprintf("%d rows in %s, %.0f rows/s, at most %d MiB", rows, a.took.Round(time.Millisecond),
		float64(rows)/a.took.Seconds(), a.peak>>10)
}

// imports runs an import without a time limit.
func (o importCommands) imports(args ...string) importAnswer {
	o.t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := o.command(o.t.Context(), append([]string{"users", "import"}, args...)...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begun := time.Now()
	require.NoError(o.t, cmd.Start())
	ended, peak := make(chan struct{}), make(chan int)
	go func() { peak <- watchMemory(cmd.Process.Pid, ended) }()
	_ = cmd.Wait() // the caller checks the exit code
	took := time.Since(begun)
	close(ended)
	return importAnswer{answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}, <-peak, took}
}

// watchMemory returns the peak memory of a process in KiB, from Linux's /proc.
func watchMemory(process int, ended <-chan struct{}) (peak int) {
	for {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", process))
		if _, rest, found := strings.Cut(string(status), "VmHWM:"); found {
			now, _ := strconv.Atoi(strings.Fields(rest)[0])
			peak = max(peak, now)
		}
		select {
		case <-ended:
			return peak
		case <-time.After(20 * time.Millisecond):
		}
	}
}
