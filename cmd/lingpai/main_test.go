package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/storage/dbtest"
)

const (
	appID      = "wx0123456789abcdef"
	realSecret = "0123456789abcdef0123456789abcdef"
	simSecret  = "simulator-of-the-tests"
	audience   = "https://api.example.com"
)

// aKey is a valid master key.
const aKey = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// patience bounds every wait of the tests for a process.
const patience = 2 * time.Minute

// binary is the path of the program under test.
var binary string

func TestMain(m *testing.M) {
	folder, err := os.MkdirTemp("", "lingpai-test")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := 1
	binary, err = e2e.Build(context.Background(), folder, "lingpai", []string{"-tags", e2e.Tags()})
	if err != nil {
		fmt.Fprintf(os.Stderr, "cannot build the program: %v\n", err)
	} else {
		code = dbtest.Tests{M: m}.Run()
	}
	os.RemoveAll(folder)
	os.Exit(code)
}

// operator runs commands of the program in a shell. Helpers for one area are in types of their own.
type operator struct {
	*shell
	userRecords
	importCommands
}

// shell is a folder and an environment in which commands run.
type shell struct {
	t      *testing.T
	folder string
	env    []string
}

// userRecords reads and writes users, with commands and directly in the database.
type userRecords struct{ *shell }

// importCommands imports users.
type importCommands struct{ *shell }

func newOperator(t *testing.T, env ...string) *operator {
	t.Helper()
	return operatorIn(&shell{t: t, folder: t.TempDir(), env: append(append([]string{"LINGPAI_SERVER_SHUTDOWN_DELAY=0s"},
		env...), e2e.Environment()...)})
}

func operatorIn(s *shell) *operator { return &operator{s, userRecords{s}, importCommands{s}} }

// with returns the same operator with more environment variables.
func (o *operator) with(env ...string) *operator {
	return operatorIn(&shell{t: o.t, folder: o.folder, env: append(append([]string{}, o.env...), env...)})
}

// variable returns the value of an environment variable of the shell.
func (o *shell) variable(name string) string {
	for _, entry := range o.env {
		if value, ok := strings.CutPrefix(entry, name+"="); ok {
			return value
		}
	}
	return ""
}

// migrated returns an operator with a master key and a migrated database.
func migrated(t *testing.T, env ...string) *operator {
	t.Helper()
	o := newOperator(t, env...)
	o.env = append(o.env, "LINGPAI_MASTER_KEY="+strings.TrimSpace(o.ok("keys", "new-master-key")))
	o.ok("migrate", "up")
	return o
}

// write writes a file into the shell's folder.
func (o *shell) write(name, text string) {
	o.t.Helper()
	require.NoError(o.t, os.WriteFile(filepath.Join(o.folder, name), []byte(text), 0o600))
}

type answer struct {
	stdout, stderr string
	code           int
}

// types runs a command with a text on standard input.
func (o *shell) types(stdin string, args ...string) answer {
	o.t.Helper()
	ctx, cancel := context.WithTimeout(o.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	cmd := o.command(ctx, args...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader(stdin), &stdout, &stderr
	err := cmd.Run()
	require.NoError(o.t, ctx.Err(), "lingpai %s does not end", strings.Join(args, " "))
	if err != nil {
		require.IsType(o.t, &exec.ExitError{}, err)
	}
	return answer{stdout.String(), stderr.String(), cmd.ProcessState.ExitCode()}
}

func (o *shell) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = o.folder, o.env
	return cmd
}

// ok runs a command that must succeed and print nothing on standard error, and returns its output.
func (o *shell) ok(args ...string) string {
	o.t.Helper()
	return o.okWith("", args...)
}

func (o *shell) okWith(stdin string, args ...string) string {
	o.t.Helper()
	a := o.types(stdin, args...)
	require.Zero(o.t, a.code, "lingpai %s: %s", strings.Join(args, " "), a.stderr)
	require.Empty(o.t, a.stderr)
	return a.stdout
}

// refused runs a command that must fail: exit code 1, nothing on standard output, a message on standard
// error, which it returns.
func (o *shell) refused(args ...string) string {
	o.t.Helper()
	return o.refusedWith("", args...)
}

func (o *shell) refusedWith(stdin string, args ...string) string {
	o.t.Helper()
	a := o.types(stdin, args...)
	require.Equal(o.t, 1, a.code, "lingpai %s: %s", strings.Join(args, " "), a.stdout)
	require.Empty(o.t, a.stdout)
	_, message, found := strings.Cut(a.stderr, "lingpai: ")
	require.True(o.t, found, a.stderr)
	require.NotContains(o.t, message, "Usage:", "an error is a sentence, not a page")
	return message
}
