package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/internal/e2e"
)

// process is a command that keeps running.
type process struct {
	*e2e.Process
	t      *testing.T
	stdout *bufio.Reader
}

// start starts a command that keeps running, and kills it when the test ends.
func (o *shell) start(args ...string) *process {
	o.t.Helper()
	return o.started(o.command(o.t.Context(), args...))
}

func (o *shell) started(cmd *exec.Cmd) *process {
	o.t.Helper()
	reader, writer, err := os.Pipe()
	require.NoError(o.t, err)
	cmd.Stdout = writer
	started, err := e2e.Start(cmd, filepath.Join(o.t.TempDir(), "log"))
	require.NoError(o.t, err)
	writer.Close()
	o.t.Cleanup(func() {
		started.Kill()
		reader.Close()
	})
	return &process{started, o.t, bufio.NewReader(reader)}
}

// line returns the next line of standard output.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	require.NoError(p.t, err, "ended before it was ready: %s", p.Log())
	return line
}

// rest returns the remaining standard output.
func (p *process) rest() string {
	p.t.Helper()
	rest, err := io.ReadAll(p.stdout)
	require.NoError(p.t, err)
	return string(rest)
}

// stop sends SIGTERM to the process and waits for its end.
func (p *process) stop() error {
	p.t.Helper()
	if runtime.GOOS == "windows" { // there is no SIGTERM
		p.Kill()
		return nil
	}
	require.NoError(p.t, p.Signal(syscall.SIGTERM))
	return p.Wait(patience)
}

// exitCode waits for the process to fail, and returns its exit code.
func (p *process) exitCode() int {
	p.t.Helper()
	var exit *exec.ExitError
	require.ErrorAs(p.t, p.Wait(patience), &exit)
	return exit.ExitCode()
}

// logged waits for a log line with a message, and returns its members.
func (p *process) logged(message string) map[string]any {
	p.t.Helper()
	members, err := p.AwaitLog(message, patience)
	require.NoError(p.t, err)
	return members
}

// reply is an HTTP response with a JSON object.
type reply struct {
	status  int
	members map[string]any
}

func (r reply) text(name string) string {
	text, _ := r.members[name].(string)
	return text
}

// postForm posts a form as a client, with its secret if it has one.
func postForm(t *testing.T, target, clientID, secret string, pairs ...string) reply {
	t.Helper()
	form := url.Values{}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	if secret == "" {
		form.Set("client_id", clientID)
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	if secret != "" {
		request.SetBasicAuth(clientID, secret)
	}
	return ask(t, request)
}

func postJSON(t *testing.T, target, body string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(body))
	require.NoError(t, err)
	return ask(t, request)
}

func get(t *testing.T, target string) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, target, http.NoBody)
	require.NoError(t, err)
	return ask(t, request)
}

func ask(t *testing.T, request *http.Request) reply {
	t.Helper()
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	r := reply{status: response.StatusCode}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&r.members))
	return r
}

// post returns the body of a 200 response. Any other status is an error that quotes the body.
func post(ctx context.Context, target, contentType, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", target, response.Status, bytes.TrimSpace(answer))
	}
	return answer, err
}
