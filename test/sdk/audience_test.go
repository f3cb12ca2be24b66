package sdk_test

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestMiniProgramWithAPI: a mini-program calls an API in Go and the issuer with tokens of one session, and the API
// cannot use at the issuer the token that it receives.
func TestMiniProgramWithAPI(t *testing.T) {
	t.Parallel()
	node := findNode(t)
	ready := harness.StartDev(t)
	api := "http://127.0.0.1:" + harness.FreePort(t)
	ready.MiniProgram.ClientID = "customer"
	ready.Run("clients", "create", "customer", "--public", "--first-party", "--grant", "wechat_code", "--grant",
		"refresh_token", "--app", ready.MiniProgram.AppID, "--audience", api, "--scope", "openid", "--scope", "profile",
		"--scope", "api", "--scope", "account", "--scope", "phone", "--scope", "wechat.data")
	startAPI(t, ready.Issuer, api, api)
	out := runWithServer(t, node, ready, "api.js", "API="+api)
	require.Contains(t, out, "ok both are renewed when they are old")
}

// startAPI builds and starts the API of testdata/api until the test ends.
func startAPI(t *testing.T, issuer, url, audience string) {
	t.Helper()
	program := filepath.Join(t.TempDir(), "api")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("testdata", "api")
	out, err := build.CombinedOutput()
	require.NoError(t, err, "%s", out)
	process := harness.Start(t, exec.Command(program, issuer, url, audience))
	harness.WaitFor(t, process, strings.TrimPrefix(url, "http://"))
}
