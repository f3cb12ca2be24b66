package main

import (
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/lingpai/lingpai/cmd/lingpai/dev"
	"github.com/lingpai/lingpai/test/harness"

	"github.com/stretchr/testify/require"
)

// TestJavaScriptLibrariesWork: openid-client, oauth4webapi and jose get tokens by every grant and verify them, and are
// configured with nothing but the issuer. The scripts are in testdata/libraries.
func TestJavaScriptLibrariesWork(t *testing.T) {
	t.Parallel()
	node, folder := installLibraries(t)
	for _, path := range []string{"", "/login"} {
		t.Run("issuer with path "+path, func(t *testing.T) {
			o := newOperator(t)
			d := o.developAt(path)
			service := o.createService(d)
			cmd := exec.CommandContext(t.Context(), node, "--test", "--test-reporter=tap")
			cmd.Dir = folder
			cmd.Env = append(os.Environ(),
				"ISSUER="+d.Issuer, "AUDIENCE="+dev.Audience, "SIMULATOR="+d.Simulator.URL,
				"APP_ID="+d.MiniProgram.AppID,
				"MINI_PROGRAM="+d.MiniProgram.ClientID, "BACKEND="+d.Confidential.ClientID,
				"BACKEND_SECRET="+d.Confidential.ClientSecret,
				"SERVICE="+serviceClient, "SERVICE_SECRET="+service, "DEMO_NAME="+d.User.Username,
				"DEMO_PASSWORD="+d.User.Password,
			)
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s\n%s", out, d.Log())
			require.Regexp(t, `(?m)^# pass [1-9]`, string(out))
		})
	}
}

// developAt starts dev with an issuer that has a path. It chooses the port, since the issuer contains it.
func (o *operator) developAt(path string) development {
	o.t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(o.t, err)
	addr := listener.Addr().String()
	require.NoError(o.t, listener.Close())
	d := development{process: o.with("LINGPAI_SERVER_ISSUER=http://"+addr+path).start("dev", "--addr", addr,
		"--data", "data", "--output", "json")}
	require.NoError(o.t, json.Unmarshal([]byte(d.line()), &d.devReady))
	return d
}

// serviceClient acts on its own behalf; dev creates no such client.
const serviceClient = "nightly-report"

// createService adds a client while dev is running, and returns its secret. Its tokens are for dev's API, and
// for the confidential client, which may therefore ask about them.
func (o *operator) createService(d development) string {
	o.t.Helper()
	return secretIn(o.t, o.with("LINGPAI_DATABASE_URL=sqlite:data/lingpai.db").ok("clients", "create", serviceClient,
		"--grant", "client_credentials", "--audience", dev.Audience, "--audience", d.Confidential.ClientID,
		"--scope", "api"))
}

// installLibraries puts the scripts and the libraries that they use, at the versions of the lock file, into a
// folder of the test.
func installLibraries(t *testing.T) (node, folder string) {
	t.Helper()
	node, err := exec.LookPath("node")
	npm, err2 := exec.LookPath("npm")
	if err != nil || err2 != nil {
		harness.Skip(t, "openid-client, oauth4webapi and jose: Node.js 20 or npm is not installed")
	}
	folder = t.TempDir()
	require.NoError(t, os.CopyFS(folder, os.DirFS(filepath.Join("testdata", "libraries"))))
	cmd := exec.CommandContext(t.Context(), npm, "ci", "--engine-strict", "--prefer-offline", "--ignore-scripts",
		"--no-audit", "--no-fund", "--fetch-retries=1")
	cmd.Dir = folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Logf("%s", out)
		harness.Skip(t, "openid-client, oauth4webapi and jose: npm ci failed: "+err.Error())
	}
	return node, folder
}
