package gateways_test

import (
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/test/harness"
)

// gateway is a file in deploy/gateways that the test can run.
type gateway struct {
	file, program, debian string
	arguments             func(file, folder string) []string
}

func gateways() []gateway {
	return []gateway{
		{"nginx.conf", "nginx", "nginx-light", func(file, folder string) []string {
			// nothing outside the folder
			own := "daemon off; master_process off; pid " + folder + "/pid; error_log stderr;"
			return []string{"-p", folder, "-e", "stderr", "-c", file, "-g", own}
		}},
		{"Caddyfile", "caddy", "caddy", func(file, _ string) []string {
			return []string{"run", "--config", file, "--adapter", "caddyfile"}
		}},
	}
}

// TestGateways runs the configurations of nginx and Caddy in deploy/gateways in front of an API that trusts its
// headers.
func TestGateways(t *testing.T) {
	t.Parallel()
	i, api, running := harness.StartDev(t), startBelievingAPI(t), map[string]string{}
	user := i.SignIn("openid api")
	good, idToken := user["access_token"].(string), user["id_token"].(string)
	own := i.Post("/token", "grant_type", "client_credentials", "scope", "api")["access_token"].(string)
	withoutScope := i.SignIn("openid profile")["access_token"].(string)
	forgeries, others := forgeriesOf(t, i, good), tokensForOthers(t, i)
	whole := t
	for _, gateway := range gateways() {
		t.Run(gateway.file, func(t *testing.T) {
			address := gateway.start(whole, t, i.Issuer, api) + "/orders"
			requireSeen(t, get(t, address, good), good)
			requireSeen(t, get(t, address, own), own)
			// the second without a length
			for _, body := range []io.Reader{strings.NewReader("an order"),
				io.MultiReader(strings.NewReader("an order"))} {
				a := ask(t, http.MethodPost, address, good, nil, body)
				requireSeen(t, a, good)
				require.Equal(t, "POST an order", a.members["request"])
			}
			requireIdentityIsOurs(t, address, good, own)

			requireAsked(t, address, good)
			for name, token := range forgeries {
				requireInvalid(t, get(t, address, token), name)
			}
			requireInvalid(t, get(t, address, idToken), "an ID token")
			require.Equal(t, http.StatusForbidden, get(t, address, withoutScope).status)
			for audience, token := range others {
				require.Equal(t, http.StatusForbidden, get(t, address, token).status, audience)
			}

			session := i.SignIn("api")
			ended := session["access_token"].(string)
			requireSeen(t, get(t, address, ended), ended)
			i.Post("/revoke", "token", session["refresh_token"].(string))
			requireInvalid(t, get(t, address, ended), "the session ended, and no answer was cached")
			requireSeen(t, get(t, address, good), good)
			running[gateway.file] = address
		})
	}
	i.Stop()
	for file, address := range running {
		for name, token := range map[string]string{"a good one": good, "a forged one": "x", "none": ""} {
			a := get(t, address, token)
			require.GreaterOrEqual(t, a.status, http.StatusInternalServerError, "%s with %s, without Lingpai: %s",
				file, name, a.body)
			t.Logf("%s with %s, without Lingpai: %d", file, name, a.status)
		}
	}
}

// start writes the file into a folder, with the addresses in its first lines replaced, and runs the gateway until the
// whole test ends.
func (g gateway) start(whole, t *testing.T, issuer, api string) string {
	t.Helper()
	program, err := exec.LookPath(g.program)
	if err != nil {
		program, err = exec.LookPath("/usr/sbin/" + g.program) // where Debian has nginx, outside the path of most users
	}
	if err != nil {
		harness.Skip(t, g.program+" is not installed (Debian's package: "+g.debian+")")
	}
	folder, listen := whole.TempDir(), "127.0.0.1:"+harness.FreePort(t)
	text := harness.Document(t, "deploy/gateways/"+g.file)
	for from, to := range map[string]string{"127.0.0.1:8000": listen, "127.0.0.1:8080": hostOf(t, issuer),
		"127.0.0.1:9000": hostOf(t, api)} {
		require.Contains(t, text, from)
		text = strings.ReplaceAll(text, from, to)
	}
	file := filepath.Join(folder, g.file)
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	command := exec.Command(program, g.arguments(file, folder)...)
	command.Env = e2e.Environment("HOME="+folder, "XDG_DATA_HOME="+folder, "XDG_CONFIG_HOME="+folder)
	harness.WaitFor(t, harness.Start(whole, command), listen)
	return "http://" + listen
}

func hostOf(t *testing.T, address string) string {
	t.Helper()
	parsed, err := url.Parse(address)
	require.NoError(t, err)
	_, _, err = net.SplitHostPort(parsed.Host)
	require.NoError(t, err)
	return parsed.Host
}

// startBelievingAPI starts an API that answers with the caller in its headers, and reads headers like PHP:
// X_Auth.Subject is X-Auth-Subject.
func startBelievingAPI(t *testing.T) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		seen := map[string]any{"request": strings.TrimSpace(r.Method + " " + string(body))}
		for name, values := range r.Header {
			name = strings.NewReplacer("_", "-", ".", "-").Replace(strings.ToLower(name))
			before, _ := seen[name].(string)
			seen[name] = before + strings.Join(values, ",")
		}
		_ = json.NewEncoder(w).Encode(seen)
	}))
	t.Cleanup(server.Close)
	return server.URL
}

// requireSeen requires that the API saw the caller of the token, but not the token.
func requireSeen(t *testing.T, a apiAnswer, token string) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	claims := claimsIn(t, token)
	for name, claim := range map[string]string{"x-auth-subject": "sub", "x-auth-client": "client_id",
		"x-auth-session": "sid", "x-auth-scope": "scope"} {
		want, _ := claims[claim].(string)
		got, _ := a.members[name].(string) // none and an empty one are the same to an API
		require.Equal(t, want, got, name)
	}
	require.NotContains(t, a.body, token)
	require.NotContains(t, a.members, "authorization")
}

// requireIdentityIsOurs requires that identity headers of the caller do not reach the API in any spelling, also not
// in addition to Lingpai's.
func requireIdentityIsOurs(t *testing.T, address, user, client string) {
	t.Helper()
	for _, spelt := range []string{"X-Auth-%", "x-auth-%", "X_Auth_%", "x_auth_%", "X-Auth_%", "X_Auth-%",
		"X-AUTH-%", "X.Auth.%", "x.auth-%", "X-Auth.%"} {
		header := http.Header{}
		for _, name := range []string{"Subject", "Client", "Session", "Scope"} {
			header[strings.ReplaceAll(spelt, "%", name)] = []string{"made-up", "made-up-too"}
		}
		for _, token := range []string{user, client} { // the second has no session
			a := ask(t, http.MethodGet, address, token, header, nil)
			requireSeen(t, a, token)
			require.NotContains(t, a.body, "made-up", spelt)
		}
		require.Equal(t, http.StatusUnauthorized, ask(t, http.MethodGet, address, "", header, nil).status, spelt)
	}
	for _, connection := range []string{"close, X-Auth-Session",
		"X-Auth-Subject, X-Auth-Client, X-Auth-Session, X-Auth-Scope", "Upgrade, X-Auth-Session"} {
		// Connection must not remove Lingpai's headers
		requireSeen(t, ask(t, http.MethodGet, address, user, http.Header{"Connection": {connection},
			"Upgrade": {"x"}}, nil), user)
	}
}
