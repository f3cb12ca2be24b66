package gateways_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/test/harness"
)

const (
	examples        = "docs/examples"
	exampleServers  = "docs/examples/resource-servers"
	debianForPython = "python3-jwt and python3-cryptography"
)

// resourceServer is a program in docs/examples/resource-servers; command returns how to start it, or skips the test.
type resourceServer struct {
	file, path string
	command    func(t *testing.T, folder string) (interpreter string)
}

func resourceServers() []resourceServer {
	node := func(t *testing.T, folder string) string {
		t.Helper()
		program, err := exec.LookPath("node")
		if err != nil {
			harness.Skip(t, "Node.js 20 is not installed (Debian's packages: nodejs and npm)")
		}
		if _, err := os.Stat(filepath.Join(folder, "node_modules")); err != nil {
			if err := harness.UseNodeModules(t, harness.Path(examples), folder); err != nil {
				harness.Skip(t, err.Error())
			}
		}
		return program
	}
	return []resourceServer{
		{"jose.mjs", "/", node},
		{"express.mjs", "/orders", node},
		{"api.py", "/", func(t *testing.T, _ string) string {
			t.Helper()
			// Debian's packages may not be for the first
			for _, name := range []string{"python3", "/usr/bin/python3"} {
				if exec.CommandContext(t.Context(), name, "-c", "import jwt, cryptography").Run() == nil {
					return name
				}
			}
			harness.Skip(t, "Python has no PyJWT (Debian's packages: "+debianForPython+")")
			return ""
		}},
	}
}

// TestResourceServers runs the programs of docs/resource-servers.md, which must accept only Lingpai's access tokens
// for this API.
func TestResourceServers(t *testing.T) {
	t.Parallel()
	i, folder, running := harness.StartDev(t), t.TempDir(), map[string]string{}
	user := i.SignIn("openid api")
	good, idToken := user["access_token"].(string), user["id_token"].(string)
	withoutScope := i.SignIn("openid profile")["access_token"].(string)
	kinds := map[string]string{
		"password":    good,
		"wechat_code": i.SignInByCode("api")["access_token"].(string),
		"client_credentials": i.Post("/token", "grant_type", "client_credentials", "scope",
			"api")["access_token"].(string),
	}
	forgeries, others, keySetOnly := forgeriesOf(t, i, good), tokensForOthers(t, i), keySetOnly(t, i)
	whole := t // its processes outlive a subtest
	for _, server := range resourceServers() {
		t.Run(server.file, func(t *testing.T) {
			interpreter := server.command(t, folder)
			program := filepath.Join(folder, "resource-servers", server.file)
			harness.CopyFile(t, harness.Path(exampleServers+"/"+server.file), program)
			start := func(issuer, audience string) string {
				port := harness.FreePort(whole)
				command := exec.Command(interpreter, program)
				command.Env = e2e.Environment("ISSUER="+issuer, "AUDIENCE="+audience, "PORT="+port)
				harness.WaitFor(t, harness.Start(whole, command), "127.0.0.1:"+port)
				return "http://127.0.0.1:" + port + server.path
			}
			requireNoStart(t, interpreter, program, "ISSUER="+i.Issuer)
			requireNoStart(t, interpreter, program, "AUDIENCE="+harness.Audience)
			api := start(i.Issuer, harness.Audience)
			for name, token := range kinds {
				a := get(t, api, token)
				require.Equal(t, http.StatusOK, a.status, "%s: %s", name, a.body)
				require.Equal(t, map[string]any{"sub": claimsIn(t, token)["sub"],
					"user": name != "client_credentials"}, a.members, name)
			}
			requireAsked(t, api, good)
			a := get(t, api, withoutScope)
			require.Equal(t, http.StatusForbidden, a.status, a.body)
			require.Contains(t, a.challenge, `error="insufficient_scope"`)
			requireInvalid(t, get(t, api, idToken), "an ID token")
			for name, token := range forgeries {
				requireInvalid(t, get(t, api, token), name)
			}
			for audience, token := range others {
				requireInvalid(t, get(t, api, token), audience)
			}
			requireInvalid(t, get(t, start(i.Issuer, i.Confidential.ClientID), idToken),
				"an ID token, where the audience is the same")
			requireInvalid(t, get(t, start(keySetOnly, harness.Audience), good),
				"another issuer's, though the key is known")
			a = get(t, start("http://127.0.0.1:"+harness.FreePort(t), harness.Audience), good)
			require.GreaterOrEqual(t, a.status, http.StatusBadRequest, "there were never any keys")
			t.Logf("without any keys: %d %s", a.status, a.body)
			running[server.file] = api
		})
	}
	i.Stop()
	for file, api := range running {
		require.Equal(t, http.StatusOK, get(t, api, good).status, "%s needs Lingpai for its keys only", file)
		requireInvalid(t, get(t, api, idToken), file)
		requireInvalid(t, get(t, api, forgeries["an unknown kid"]), file)
	}
}

// requireNoStart requires that a program does not start without a setting that it needs for its checks.
func requireNoStart(t *testing.T, interpreter, program, setting string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // otherwise it would run for ever
	defer cancel()
	cmd := exec.CommandContext(ctx, interpreter, program)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "PORT=" + harness.FreePort(t), setting}
	out, err := cmd.CombinedOutput()
	require.Error(t, err)
	require.Positive(t, cmd.ProcessState.ExitCode(), "%s", out)
}

// keySetOnly starts another issuer with the same keys.
func keySetOnly(t *testing.T, i *harness.Dev) string {
	set := get(t, i.Issuer+"/.well-known/jwks.json", "").body
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, set)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// requireAsked requires a challenge without an error (RFC 6750 §3.1) if the token is not in the header but elsewhere.
func requireAsked(t *testing.T, api, good string) {
	t.Helper()
	for name, header := range map[string]http.Header{
		"nothing":             {},
		"a cookie":            {"Cookie": {"access_token=" + good}},
		"a header of its own": {"X-Access-Token": {good}},
	} {
		a := ask(t, http.MethodGet, api, "", header, nil)
		require.Equal(t, http.StatusUnauthorized, a.status, "%s: %s", name, a.body)
		require.Regexp(t, `^Bearer`, a.challenge, name)
		require.NotContains(t, a.challenge, "error=", name)
	}
	for _, query := range []string{"?access_token=" + good, "?jwt=" + good} {
		require.Equal(t, http.StatusUnauthorized, get(t, api+query, "").status, "in the URL")
	}
	basic := ask(t, http.MethodGet, api+"?access_token="+good, "", http.Header{"Authorization": {"Basic " + good}}, nil)
	require.GreaterOrEqual(t, basic.status, http.StatusBadRequest, basic.body)
}

func requireInvalid(t *testing.T, a apiAnswer, name string) {
	t.Helper()
	require.Equal(t, http.StatusUnauthorized, a.status, "%s: %s", name, a.body)
	require.Contains(t, a.challenge, `error="invalid_token"`, name)
}
