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
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// process is a command that stays up.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	stdout *bufio.Reader
	stderr *transcript
	ended  chan error
}

// start runs a command that stays up, and stops it when the test ends.
func (o *shell) start(args ...string) *process {
	o.t.Helper()
	cmd := o.command(o.t.Context(), args...)
	p := &process{t: o.t, cmd: cmd, stderr: newTranscript(), ended: make(chan error, 1)}
	reader, writer, err := os.Pipe()
	require.NoError(o.t, err)
	p.stdout = bufio.NewReader(reader)
	cmd.Stdout, cmd.Stderr = writer, p.stderr
	require.NoError(o.t, cmd.Start())
	writer.Close()
	go func() { p.ended <- cmd.Wait() }()
	o.t.Cleanup(func() {
		p.kill()
		reader.Close()
	})
	return p
}

// line is the next line of standard output.
func (p *process) line() string {
	p.t.Helper()
	line, err := p.stdout.ReadString('\n')
	require.NoError(p.t, err, "ended before it was ready: %s", p.stderr)
	return line
}

// rest is all that the process still writes to standard output.
func (p *process) rest() string {
	p.t.Helper()
	rest, err := io.ReadAll(p.stdout)
	require.NoError(p.t, err)
	return string(rest)
}

// stop asks the process to end, and waits until it has.
func (p *process) stop() error {
	p.t.Helper()
	if runtime.GOOS == "windows" { // there is no SIGTERM
		p.kill()
		return nil
	}
	require.NoError(p.t, p.cmd.Process.Signal(syscall.SIGTERM))
	return p.wait()
}

func (p *process) wait() error {
	p.t.Helper()
	select {
	case err := <-p.ended:
		p.ended <- err
		return err
	case <-time.After(patience):
		p.t.Fatalf("the process does not end: %s", p.stderr)
		return nil
	}
}

// kill ends the process as kill -9 does.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	p.ended <- <-p.ended
}

// transcript is standard error as it is written.
type transcript struct {
	mutex sync.Mutex
	text  bytes.Buffer
	grown chan struct{}
}

func newTranscript() *transcript { return &transcript{grown: make(chan struct{}, 1)} }

func (s *transcript) Write(p []byte) (int, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	select {
	case s.grown <- struct{}{}:
	default:
	}
	return s.text.Write(p)
}

func (s *transcript) String() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.text.String()
}

// logged waits for a log line with a message, and returns its members.
func (p *process) logged(message string) map[string]any {
	p.t.Helper()
	deadline := time.After(patience)
	for {
		for line := range strings.Lines(p.stderr.String()) {
			var members map[string]any
			if json.Unmarshal([]byte(line), &members) == nil && members["msg"] == message {
				return members
			}
		}
		select {
		case <-p.stderr.grown:
		case err := <-p.ended:
			p.ended <- err
			p.t.Fatalf("ended before it logged %q: %s", message, p.stderr)
		case <-deadline:
			p.t.Fatalf("never logged %q: %s", message, p.stderr)
		}
	}
}

// reply is an HTTP answer of JSON.
type reply struct {
	status  int
	members map[string]any
}

func (r reply) text(name string) string {
	text, _ := r.members[name].(string)
	return text
}

// postForm sends a form, and the client's name and secret if there is one.
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

// post returns the body of a 200 answer; any other is an error that shows it.
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
