package lingpai

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const (
	apiAudience   = "https://api.example.com" // that of the clients of "lingpai dev"
	otherAudience = "https://other.example.com"
)

// issuer is a "lingpai dev" that a test can stop.
type issuer struct {
	t *testing.T
	devReady
	Confidential struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"confidential"`
	User struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"user"`
	stop func()
}

// startIssuer starts one until the test ends, with more variables than the machine has. Settings of Lingpai
// that the machine has do not reach it.
func startIssuer(t *testing.T, env ...string) *issuer {
	t.Helper()
	folder := t.TempDir()
	program := filepath.Join(folder, "lingpai.exe") // a name that every system runs
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, "./cmd/lingpai").CombinedOutput()
	require.NoError(t, err, "%s", out)
	stdout, writer := io.Pipe()
	i := &issuer{t: t}
	i.stop = startProgram(t, writer, env, program, "dev", "--addr", "127.0.0.1:0", "--data",
		filepath.Join(folder, "data"), "--output", "json")
	line, err := bufio.NewReader(stdout).ReadBytes('\n')
	require.NoError(t, err)
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	require.NoError(t, json.Unmarshal(line, i))
	return i
}

// startProgram runs one until the test ends or it is stopped, and shows what it said if the test fails. Our
// settings do not reach it.
func startProgram(t *testing.T, stdout io.Writer, env []string, name string, args ...string) (stop func()) {
	t.Helper()
	cmd := exec.Command(name, args...)
	for _, entry := range os.Environ() {
		if !strings.HasPrefix(entry, "LINGPAI_") {
			cmd.Env = append(cmd.Env, entry)
		}
	}
	cmd.Env = append(cmd.Env, env...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = stdout, &said
	if stdout == nil {
		cmd.Stdout = &said
	}
	require.NoError(t, cmd.Start())
	stopped := false
	stop = func() {
		if !stopped {
			stopped = true
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
	}
	t.Cleanup(func() {
		stop()
		if t.Failed() {
			t.Logf("%s said:\n%s", filepath.Base(name), said.String())
		}
	})
	return stop
}

// post asks an endpoint as the confidential client, unless the form names another.
func (i *issuer) post(path string, pairs ...string) map[string]any {
	i.t.Helper()
	form := url.Values{"client_id": {i.Confidential.ClientID}, "client_secret": {i.Confidential.ClientSecret}}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	if form.Get("client_id") != i.Confidential.ClientID {
		form.Del("client_secret")
	}
	response, err := http.PostForm(i.Issuer+path, form)
	require.NoError(i.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(i.t, err)
	require.Equal(i.t, http.StatusOK, response.StatusCode, "%s", body)
	var answer map[string]any
	_ = json.Unmarshal(body, &answer) // /revoke says nothing
	return answer
}

// signIn is the answer of the grant password.
func (i *issuer) signIn(scope string) map[string]any {
	i.t.Helper()
	return i.post("/token", "grant_type", "password", "username", i.User.Username, "password", i.User.Password,
		"scope", scope)
}

// signInByCode is the answer of the grant wechat_code, to the mini-program.
func (i *issuer) signInByCode(scope string) map[string]any {
	i.t.Helper()
	response, err := http.Post(i.Simulator.URL+"/_sim/codes", "application/json",
		strings.NewReader(`{"appid":"`+i.MiniProgram.AppID+`","user":"alice"}`))
	require.NoError(i.t, err)
	defer response.Body.Close()
	var answer struct {
		Code string `json:"code"`
	}
	require.NoError(i.t, json.NewDecoder(response.Body).Decode(&answer))
	return i.post("/token", "client_id", i.MiniProgram.ClientID, "grant_type", "wechat_code", "code", answer.Code,
		"scope", scope)
}

// freePort is one that nothing listens on.
func freePort(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer listener.Close()
	return strconv.Itoa(listener.Addr().(*net.TCPAddr).Port)
}

// waitFor waits until something listens there.
func waitFor(t *testing.T, address string) {
	t.Helper()
	require.Eventually(t, func() bool {
		connection, err := net.Dial("tcp", address)
		if err == nil {
			_ = connection.Close()
		}
		return err == nil
	}, time.Minute, 20*time.Millisecond, address)
}

// leaveOutStack skips a stack that is not installed; but CI has all there is.
func leaveOutStack(t *testing.T, reason string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatal(reason)
	}
	t.Skip("NOT RUN: " + reason)
}
