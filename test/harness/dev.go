package harness

import (
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
)

// Audience is the API that the clients of "lingpai dev" are for.
const Audience = "https://api.example.com"

// Dev is a running "lingpai dev".
type Dev struct {
	*Installation
	Data string // the folder of its data

	process *e2e.Process
}

// StartDev starts "lingpai dev" until the test ends, with additional environment variables and without the settings
// of Lingpai in the environment of the test. Its issuer is at 127.0.0.1.
func StartDev(t *testing.T, env ...string) *Dev { return StartDevAt(t, "127.0.0.1", env...) }

// StartDevAt is StartDev for an issuer at a loopback host.
func StartDevAt(t *testing.T, host string, env ...string) *Dev {
	t.Helper()
	return startDev(t, host, filepath.Join(t.TempDir(), "data"), env)
}

// Again starts it again on its data, with other environment variables.
func (d *Dev) Again(env ...string) *Dev {
	d.t.Helper()
	d.Stop()
	return startDev(d.t, "127.0.0.1", d.Data, env)
}

func startDev(t *testing.T, host, data string, env []string) *Dev {
	t.Helper()
	d := &Dev{Data: data}
	d.Installation = &Installation{t: t, Program: Program(t), variables: []string{
		"LINGPAI_DATABASE_URL=sqlite:" + filepath.ToSlash(filepath.Join(d.Data, "lingpai.db")),
		"LINGPAI_MASTER_KEY_FILE=" + filepath.Join(d.Data, "master.key")}}
	command := exec.Command(d.Program, e2e.DevArguments(host+":0", d.Data)...)
	command.Env = e2e.Environment(env...)
	log := filepath.Join(t.TempDir(), "log")
	var err error
	d.process, d.Ready, err = e2e.StartDev(command, log)
	require.NoError(t, err)
	killAtEnd(t, d.process, "lingpai dev")
	return d
}

// Stop kills it before the test ends.
func (d *Dev) Stop() { d.process.Kill() }
