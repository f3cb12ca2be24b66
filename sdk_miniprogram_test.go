package lingpai

import (
	"bytes"
	"errors"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"
)

var soakRefreshes = flag.Int("soak.refreshes", 5000, "how many refreshes the apps of TestMiniProgramWithServer make")

const miniProgram = "sdk/miniprogram"

// TestMiniProgram runs the tests of the mini-program SDK, which need Node and no server. With npm they
// include a parser of the oldest syntax that phones have, and the TypeScript compiler.
func TestMiniProgram(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	files, err := filepath.Glob(miniProgram + "/test/*.test.js")
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--test", "--test-reporter=tap"}, files...)...)
	cmd.Env = append(os.Environ(), "SDK_MODULES="+installCheckers(t))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `(?m)^# pass [1-9]`, string(out))
	t.Logf("%s", bytes.Join(bytes.Split(bytes.TrimSpace(out),
		[]byte("\n"))[max(0, bytes.Count(out, []byte("\n"))-8):], []byte(" ")))
}

// TestMiniProgramWithServer runs the scripts that need a server. It forgives no used refresh token, so that
// only keys help against lost answers.
func TestMiniProgramWithServer(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	ready := startIssuer(t, "LINGPAI_SESSION_REFRESH_GRACE=0s")
	for _, script := range []struct{ name, file, expected string }{
		{"the demo: a refused token, a kill, a theft, signing in again", "demo.js", "ok signs in again when asked to"},
		{"the soak: no user loses his session and no call hangs", "soak.js", `"refreshes":`},
	} {
		t.Run(script.name, func(t *testing.T) {
			cmd := exec.CommandContext(t.Context(), node, filepath.Join(miniProgram, "test", script.file))
			cmd.Env = append(os.Environ(), "ISSUER="+ready.Issuer, "SIMULATOR="+ready.Simulator.URL,
				"APP_ID="+ready.MiniProgram.AppID,
				"MINI_PROGRAM="+ready.MiniProgram.ClientID, "REFRESHES="+strconv.Itoa(*soakRefreshes))
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)
			require.Contains(t, string(out), script.expected)
			t.Logf("%s", out)
		})
	}
}

// devReady is what "lingpai dev" says when it is ready.
type devReady struct {
	Issuer      string `json:"issuer"`
	MiniProgram struct {
		ClientID string `json:"client_id"`
		AppID    string `json:"appid"`
	} `json:"mini_program"`
	Simulator struct {
		URL string `json:"url"`
	} `json:"simulator"`
}

func findNode(t *testing.T) string {
	t.Helper()
	node, err := exec.LookPath("node")
	if err != nil {
		leaveOut(t, "Node.js 20 is not installed")
	}
	return node
}

// installCheckers puts the development dependencies of the SDK into a folder of the test. Without them the
// other tests run all the same.
func installCheckers(t *testing.T) string {
	t.Helper()
	folder := t.TempDir()
	npm, err := exec.LookPath("npm")
	for _, name := range []string{"package.json", "package-lock.json"} {
		text, err2 := os.ReadFile(filepath.Join(miniProgram, name))
		err = errors.Join(err, err2, os.WriteFile(filepath.Join(folder, name), text, 0o600))
	}
	if err == nil {
		cmd := exec.CommandContext(t.Context(), npm, "ci", "--prefer-offline", "--ignore-scripts", "--no-audit",
			"--no-fund", "--fetch-retries=1")
		cmd.Dir = folder
		_, err = cmd.CombinedOutput()
	}
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Log("NOT RUN: the checks of types and of syntax by parser: " + err.Error())
	}
	return folder
}

// leaveOut skips, since people need Go and nothing else; but CI has all there is.
func leaveOut(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip("NOT RUN: the tests of the mini-program SDK: " + reason)
}
