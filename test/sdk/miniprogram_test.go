package sdk_test

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// soakRefreshes is the number of refreshes in the soak test. The long one is .ci/long soak.
var soakRefreshes = flag.Int("soak.refreshes", 1000, "how many refreshes the apps of TestMiniProgramWithServer make")

const miniProgram = "sdk/miniprogram"

// TestMiniProgram runs the tests of the mini-program SDK, which need Node but no server. With npm they also check the
// oldest syntax that phones support, and types with the TypeScript compiler.
func TestMiniProgram(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	files, err := filepath.Glob(harness.Path(miniProgram + "/test/*.test.js"))
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), node, append([]string{"--test", "--test-reporter=tap"}, files...)...)
	cmd.Env = append(os.Environ(), "SDK_MODULES="+installCheckers(t))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Regexp(t, `(?m)^# pass [1-9]`, string(out))
	t.Logf("%s", bytes.Join(bytes.Split(bytes.TrimSpace(out),
		[]byte("\n"))[max(0, bytes.Count(out, []byte("\n"))-8):], []byte(" ")))
}

// TestMiniProgramWithServer runs the scripts that need a server. The grace period for used refresh tokens is zero, so
// that lost answers need idempotency keys.
func TestMiniProgramWithServer(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	ready := harness.StartDev(t, "LINGPAI_SESSION_REFRESH_GRACE=0s")
	api := "http://127.0.0.1:" + harness.FreePort(t)
	startAPI(t, ready.Issuer, api, harness.Audience)
	for _, script := range []struct{ name, file, expected string }{
		{"the demo: a rejected token, a kill, a theft, signing in again", "demo.js", "ok signs in again when asked to"},
		{"a thief with a key, and one without", "thief.js", "ok a thief without a key has lost the session"},
		{"the soak: no user loses a session and no call hangs", "soak.js", `"refreshes":`},
	} {
		t.Run(script.name, func(t *testing.T) {
			require.Contains(t, runWithServer(t, node, ready, script.file, "API="+api), script.expected)
		})
	}
}

// TestMiniProgramAfterATheft: a thief with or without a key refreshes first, within the grace period. The owner is
// signed in again without being asked, and the thief does not keep the session.
func TestMiniProgramAfterATheft(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	out := runWithServer(t, node, harness.StartDev(t), "thief.js")
	require.Contains(t, out, "ok a thief with a key has lost the session")
	require.Contains(t, out, "ok a thief without a key has lost the session")
}

// TestMiniProgramScans: the page of the demo approves and declines sign-ins of screens. X-Forwarded-For can put them
// elsewhere.
func TestMiniProgramScans(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	for numbers, expected := range map[string]string{
		"choose": "ok a user who knows nothing of it ends the other codes of the address",
		"show":   "ok a number to compare",
	} {
		t.Run(numbers, func(t *testing.T) {
			t.Parallel()
			ready := harness.StartDev(t, "LINGPAI_SERVER_TRUSTED_PROXIES=127.0.0.1",
				"LINGPAI_BROWSER_SCAN_NUMBER="+numbers)
			redirectURI := "https://shop.example.com/callback"
			ready.Run("clients", "create", "shop", "--name", "The shop", "--public", "--first-party", "--grant",
				"authorization_code", "--redirect-uri", redirectURI, "--scope", "openid")
			out := runWithServer(t, node, ready, "scan.js", "CLIENT=shop", "REDIRECT_URI="+redirectURI,
				"NUMBERS="+numbers)
			require.Contains(t, out, expected)
			require.Contains(t, out, "ok a user who declines ends the sign-in of the screen")
		})
	}
}

// runWithServer runs a script of the SDK's tests with a server and more environment variables, and returns its output.
func runWithServer(t *testing.T, node string, ready *harness.Dev, file string, env ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), node, harness.Path(miniProgram+"/test/"+file))
	cmd.Env = append(append(os.Environ(), env...), "ISSUER="+ready.Issuer, "SIMULATOR="+ready.Simulator.URL,
		"APP_ID="+ready.MiniProgram.AppID, "MINI_PROGRAM="+ready.MiniProgram.ClientID,
		"REFRESHES="+strconv.Itoa(*soakRefreshes))
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	t.Logf("%s", out)
	return string(out)
}

// findNode finds Node for a test that runs files of the SDK.
func findNode(t *testing.T) string {
	t.Helper()
	harness.DependsOn(t, harness.Path(miniProgram))
	node, err := exec.LookPath("node")
	if err != nil {
		harness.Skip(t, "the tests of the mini-program SDK: Node.js 20 is not installed")
	}
	return node
}

// installCheckers returns a folder with the development dependencies of the SDK. Without them, only the checks that
// need them are skipped.
func installCheckers(t *testing.T) string {
	t.Helper()
	folder, err := harness.NodeModules(t, harness.Path(miniProgram))
	if err != nil && os.Getenv("CI") == "true" {
		t.Fatal(err)
	}
	if err != nil {
		t.Log("NOT RUN: the checks of types and of syntax by parser: " + err.Error())
		return t.TempDir()
	}
	return folder
}
