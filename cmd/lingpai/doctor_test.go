package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/doctor"
	"github.com/lingpai/lingpai/keys"
)

// loopbackIssuer is an issuer that doctor does not warn about.
const loopbackIssuer = "LINGPAI_SERVER_ISSUER=http://127.0.0.1:8080"

// nowhere keeps calls of a test on this machine: they fail at a proxy that loopback does not use.
const nowhere = "HTTPS_PROXY=http://user:hidden-proxy@127.0.0.1:1"

type finding = doctor.Finding

const (
	statusOK      = doctor.StatusOK
	statusWarning = doctor.StatusWarning
	statusFault   = doctor.StatusFault
	statusSkipped = doctor.StatusSkipped
)

// healthy returns an operator of an installation without faults, with keys, an app, a client, and a simulator.
func healthy(t *testing.T) (o *operator, simulator string) {
	t.Helper()
	o = migrated(t, loopbackIssuer, nowhere)
	p, _ := o.serves() // generates the keys
	require.NoError(t, p.stop())
	simulator = o.simulates()
	o = o.with("LINGPAI_WECHAT_BASE_URL=" + simulator)
	o.okWith(simSecret, "apps", "add", appID)
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID, "--audience", audience)
	return o, simulator
}

// examined returns the findings of doctor. It checks that they name commands that exist and contain no secret, and that
// the exit status is 1 if there is a fault.
func (o *operator) examined(args ...string) []finding {
	o.t.Helper()
	a := o.types("", append([]string{"doctor", "--output", "json"}, args...)...)
	var findings []finding
	require.NoError(o.t, json.Unmarshal([]byte(a.stdout), &findings), a.stderr)
	code := 0
	for _, f := range findings {
		if f.Status == statusFault {
			code = 1
		}
		require.Equal(o.t, f.Status == statusFault || f.Status == statusWarning, f.Advice != "", "%+v", f)
		requireCommands(o.t, f.Advice)
	}
	require.Equal(o.t, code, a.code)
	o.hasNoSecret(a.stdout + a.stderr)
	return findings
}

func (o *operator) hasNoSecret(text string) {
	o.t.Helper()
	for _, entry := range o.env {
		if name, value, _ := strings.Cut(entry, "="); name == "LINGPAI_MASTER_KEY" && value != "" {
			require.NotContains(o.t, text, value)
		}
	}
	require.NotContains(o.t, text, simSecret)
	require.NotContains(o.t, text, realSecret)
	require.NotContains(o.t, text, "hidden")
}

var namedCommand = regexp.MustCompile(`\blingpai ([a-z]+(?:-[a-z]+)*(?: [a-z]+(?:-[a-z]+)*)?)`)

// requireCommands requires that every command that a text names exists.
func requireCommands(t *testing.T, text string) {
	t.Helper()
	for _, match := range namedCommand.FindAllStringSubmatch(text, -1) {
		cmd, _, err := newRootCommand().Find(strings.Fields(match[1]))
		require.NoError(t, err, text)
		require.False(t, cmd.HasSubCommands(), "%q is no command in: %s", match[1], text)
	}
}

// found returns the one finding that contains a text.
func found(t *testing.T, findings []finding, text string) finding {
	t.Helper()
	var which []finding
	for _, f := range findings {
		if strings.Contains(f.Found, text) {
			which = append(which, f)
		}
	}
	require.Len(t, which, 1, "%q in %+v", text, findings)
	return which[0]
}

// requireFinding requires exactly one finding with a text. It has the given check and status, and its advice contains
// another text.
func requireFinding(t *testing.T, findings []finding, check, status, text, advice string) {
	t.Helper()
	f := found(t, findings, text)
	require.Equal(t, check, f.Check)
	require.Equal(t, status, f.Status, "%+v", f)
	require.Contains(t, f.Advice, advice)
}

func TestDoctorFindsNothingWrong(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	before, err := os.ReadFile(filepath.Join(o.folder, "lingpai.db"))
	require.NoError(t, err)
	text := o.ok("doctor")
	lines := strings.Split(strings.TrimSpace(text), "\n")
	for n, name := range []string{"configuration", "database", "migrations", "redis", "keys", "wechat",
		"clock", "apps", "pushes", "clients", "notices"} {
		require.Regexp(t, `^ok +`+name+` +\S`, lines[n])
	}
	require.Equal(t, "no faults, no warnings", lines[len(lines)-1])
	require.Contains(t, text, "it is a simulator, not WeChat")
	require.Contains(t, text, "; signatures are made by "+keys.BuiltBackend()+"\n")
	for _, f := range o.examined() {
		require.Equal(t, statusOK, f.Status, "%+v", f)
	}
	after, err := os.ReadFile(filepath.Join(o.folder, "lingpai.db"))
	require.NoError(t, err)
	require.Equal(t, before, after, "doctor changes nothing")
}

func TestDoctorNamesOnlyCommandsThatExist(t *testing.T) {
	t.Parallel()
	files := []string{"doctor.go", "apps.go", "../../clients/rules.go", "../../server/settings/table.go",
		"../../server/database.go"}
	for _, folder := range []string{"doctor", "../../admin"} {
		more, err := filepath.Glob(filepath.Join(folder, "*.go"))
		require.NoError(t, err)
		files = append(files, more...)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		requireCommands(t, string(text))
	}
}

// silent returns the address of a server that accepts connections and never answers.
func silent(t *testing.T) string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

func TestDoctorDoesNotWaitLong(t *testing.T) {
	t.Parallel()
	began := time.Now()
	o := newOperator(t, loopbackIssuer, "LINGPAI_MASTER_KEY="+aKey, "LINGPAI_WECHAT_BASE_URL=http://"+silent(t),
		"LINGPAI_DATABASE_URL=postgres://user:hidden-password@"+silent(t)+"/lingpai?sslmode=disable&connect_timeout=60")
	findings := o.examined()
	require.Less(t, time.Since(began), 6*doctor.AnswerTime)
	requireFinding(t, findings, "database", statusFault, "PostgreSQL at ", "LINGPAI_DATABASE_URL")
	requireFinding(t, findings, "wechat", statusFault, "cannot be reached: no answer within 5s",
		"lingpai wechat-simulator")
}

func TestDoctorStopsAtAnInterrupt(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no SIGTERM")
	}
	o := newOperator(t, loopbackIssuer, "LINGPAI_MASTER_KEY="+aKey, "LINGPAI_WECHAT_BASE_URL=http://"+silent(t))
	p := o.start("doctor")
	for !strings.Contains(p.line(), " keys ") { // WeChat comes next
	}
	require.Error(t, p.stop())
	require.Contains(t, p.Log(), "lingpai: stopped: ")
	require.NotContains(t, p.rest(), "wechat", "what is found after an interrupt says nothing")
}
