package harness

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
)

// Audience is the API that the clients of "lingpai dev" are for.
const Audience = "https://api.example.com"

// Dev is a running "lingpai dev".
type Dev struct {
	e2e.Ready
	// Program is the path of the program, and Data the folder of its data.
	Program, Data string

	t       *testing.T
	process *e2e.Process
}

// StartDev starts "lingpai dev" until the test ends, with additional environment variables and without the settings
// of Lingpai in the environment of the test. Its issuer is at 127.0.0.1.
func StartDev(t *testing.T, env ...string) *Dev { return StartDevAt(t, "127.0.0.1", env...) }

// StartDevAt is StartDev for an issuer at a loopback host.
func StartDevAt(t *testing.T, host string, env ...string) *Dev {
	t.Helper()
	d := &Dev{t: t, Program: Program(t), Data: filepath.Join(t.TempDir(), "data")}
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

// Run runs a command on the database of the running server, and returns its output.
func (d *Dev) Run(args ...string) string {
	d.t.Helper()
	command := exec.CommandContext(d.t.Context(), d.Program, args...)
	command.Env = d.Environment()
	out, err := command.Output()
	require.NoError(d.t, err, "%s", out)
	return string(out)
}

// Environment returns the variables with which commands use the database of the running server.
func (d *Dev) Environment() []string {
	return e2e.Environment("LINGPAI_DATABASE_URL=sqlite:"+filepath.ToSlash(filepath.Join(d.Data, "lingpai.db")),
		"LINGPAI_MASTER_KEY_FILE="+filepath.Join(d.Data, "master.key"))
}

// Post sends a form to an endpoint as the confidential client, unless the form names a client.
func (d *Dev) Post(path string, pairs ...string) map[string]any {
	d.t.Helper()
	form := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	if !form.Has("client_id") {
		form.Set("client_id", d.Confidential.ClientID)
		form.Set("client_secret", d.Confidential.ClientSecret)
	}
	response, err := http.PostForm(d.Issuer+path, form)
	require.NoError(d.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	require.Equal(d.t, http.StatusOK, response.StatusCode, "%s", body)
	var answer map[string]any
	_ = json.Unmarshal(body, &answer) // /revoke has no body
	return answer
}

// SignIn returns the answer of a sign-in by password.
func (d *Dev) SignIn(scope string) map[string]any {
	d.t.Helper()
	return d.Post("/token", "grant_type", "password", "username", d.User.Username, "password", d.User.Password,
		"scope", scope)
}

// SignInByCode returns the answer of a sign-in by code at the mini-program.
func (d *Dev) SignInByCode(scope string) map[string]any {
	d.t.Helper()
	response, err := http.Post(d.Simulator.URL+"/_sim/codes", "application/json",
		strings.NewReader(`{"appid":"`+d.MiniProgram.AppID+`","user":"alice"}`))
	require.NoError(d.t, err)
	defer response.Body.Close()
	var answer struct {
		Code string `json:"code"`
	}
	require.NoError(d.t, json.NewDecoder(response.Body).Decode(&answer))
	return d.Post("/token", "client_id", d.MiniProgram.ClientID, "grant_type", "wechat_code", "code", answer.Code,
		"scope", scope)
}

// CreateUser creates another user with the password of the first.
func (d *Dev) CreateUser(name string) {
	d.t.Helper()
	file := filepath.Join(d.t.TempDir(), "password")
	require.NoError(d.t, os.WriteFile(file, []byte(d.User.Password), 0o600))
	d.Run("users", "create", name, "--secret-file", file)
}

// CreateClient creates a client with the grants of web sites and more flags, and returns its secret.
func (d *Dev) CreateClient(id string, flags ...string) string {
	d.t.Helper()
	var created struct {
		Secret string `json:"client_secret"`
	}
	out := d.Run(append([]string{"clients", "create", id, "--output", "json", "--grant", "authorization_code",
		"--grant", "refresh_token", "--scope", "openid", "--scope", "profile"}, flags...)...)
	require.NoError(d.t, json.Unmarshal([]byte(out), &created), out)
	return created.Secret
}
