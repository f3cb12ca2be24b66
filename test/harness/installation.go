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

// Installation is a database with the servers that use it, as operators and clients see it.
type Installation struct {
	e2e.Ready
	Program string // its path

	t         *testing.T
	variables []string
}

// Install creates an installation with environment variables, which name an empty database, and with a user. The
// caller starts its servers.
func Install(t *testing.T, issuer string, variables ...string) *Installation {
	t.Helper()
	i := &Installation{t: t, Program: Program(t), variables: append(variables, "LINGPAI_SERVER_ISSUER="+issuer)}
	i.variables = append(i.variables, "LINGPAI_MASTER_KEY="+strings.TrimSpace(i.Run("keys", "new-master-key")))
	i.Run("migrate", "up")
	i.Issuer, i.User.Username, i.User.Password = issuer, "ling", "correct horse battery staple"
	i.CreateUser(i.User.Username)
	return i
}

// Serve starts "lingpai serve" at an address until the test ends, and waits until it is there.
func (i *Installation) Serve(address string) *e2e.Process {
	i.t.Helper()
	command := exec.Command(i.Program, "serve")
	command.Env = append(i.Environment(), "LINGPAI_SERVER_ADDR="+address)
	p := Start(i.t, command)
	WaitFor(i.t, p, address)
	return p
}

// Environment returns the variables with which commands use the database.
func (i *Installation) Environment() []string { return e2e.Environment(i.variables...) }

// Variable returns the value of an environment variable.
func (i *Installation) Variable(name string) string {
	for _, variable := range i.variables {
		if value, ok := strings.CutPrefix(variable, name+"="); ok {
			return value
		}
	}
	return ""
}

// Run runs a command on the database, and returns its output.
func (i *Installation) Run(args ...string) string {
	i.t.Helper()
	command := exec.CommandContext(i.t.Context(), i.Program, args...)
	command.Env = i.Environment()
	out, err := command.Output()
	require.NoError(i.t, err, "%s", out)
	return string(out)
}

// Post sends a form to an endpoint as the confidential client, unless the form names a client.
func (i *Installation) Post(path string, pairs ...string) map[string]any {
	i.t.Helper()
	form := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	if !form.Has("client_id") {
		form.Set("client_id", i.Confidential.ClientID)
		form.Set("client_secret", i.Confidential.ClientSecret)
	}
	response, err := http.PostForm(i.Issuer+path, form)
	require.NoError(i.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(i.t, err)
	require.Equal(i.t, http.StatusOK, response.StatusCode, "%s", body)
	var answer map[string]any
	_ = json.Unmarshal(body, &answer) // /revoke has no body
	return answer
}

// SignIn returns the answer of a sign-in by password.
func (i *Installation) SignIn(scope string) map[string]any {
	i.t.Helper()
	return i.Post("/token", "grant_type", "password", "username", i.User.Username, "password", i.User.Password,
		"scope", scope)
}

// SignInByCode returns the answer of a sign-in by code at the mini-program.
func (i *Installation) SignInByCode(scope string) map[string]any {
	i.t.Helper()
	response, err := http.Post(i.Simulator.URL+"/_sim/codes", "application/json",
		strings.NewReader(`{"appid":"`+i.MiniProgram.AppID+`","user":"alice"}`))
	require.NoError(i.t, err)
	defer response.Body.Close()
	var answer struct {
		Code string `json:"code"`
	}
	require.NoError(i.t, json.NewDecoder(response.Body).Decode(&answer))
	return i.Post("/token", "client_id", i.MiniProgram.ClientID, "grant_type", "wechat_code", "code", answer.Code,
		"scope", scope)
}

// CreateUser creates another user with the password of the first.
func (i *Installation) CreateUser(name string) {
	i.t.Helper()
	file := filepath.Join(i.t.TempDir(), "password")
	require.NoError(i.t, os.WriteFile(file, []byte(i.User.Password), 0o600))
	i.Run("users", "create", name, "--secret-file", file)
}

// CreateClient creates a client with the grants of web sites and more flags, and returns its secret.
func (i *Installation) CreateClient(id string, flags ...string) string {
	i.t.Helper()
	var created struct {
		Secret string `json:"client_secret"`
	}
	out := i.Run(append([]string{"clients", "create", id, "--output", "json", "--grant", "authorization_code",
		"--grant", "refresh_token", "--scope", "openid", "--scope", "profile"}, flags...)...)
	require.NoError(i.t, json.Unmarshal([]byte(out), &created), out)
	return created.Secret
}
