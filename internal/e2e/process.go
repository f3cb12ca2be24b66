package e2e

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"
)

// stopTimeout limits how long a process may take to stop.
const stopTimeout = 30 * time.Second

// Process is a running program. Its log, which is its standard error, goes to a file, since reading a pipe would
// disturb benchmarks.
type Process struct {
	command *exec.Cmd
	log     *os.File
	ended   chan struct{}
	err     error // from exec.Cmd.Wait
}

// Start starts a command and writes its log to a new file. A command without a standard output writes that to the
// log, too. Stop or Kill must be called to close the file.
func Start(command *exec.Cmd, logName string) (*Process, error) {
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_TRUNC|os.O_RDWR|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	command.Stderr = log
	if command.Stdout == nil {
		command.Stdout = log
	}
	command.WaitDelay = stopTimeout
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &Process{command: command, log: log, ended: make(chan struct{})}
	go func() {
		p.err = command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID returns the process id.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended returns a channel that is closed when the process has ended.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Wait waits until the process has ended, and returns the error of [exec.Cmd.Wait], or an error after the timeout.
func (p *Process) Wait(timeout time.Duration) error {
	select {
	case <-p.ended:
		return p.err
	case <-time.After(timeout):
		return fmt.Errorf("%s does not end: %s", p.command.Path, p.LogTail())
	}
}

// Signal sends the process a signal.
func (p *Process) Signal(signal os.Signal) error { return p.command.Process.Signal(signal) }

// AwaitLog waits for a log line of JSON with a message (a member msg, as log/slog writes it), and returns all of its
// members.
func (p *Process) AwaitLog(message string, timeout time.Duration) (map[string]any, error) {
	for deadline := time.Now().Add(timeout); ; time.Sleep(5 * time.Millisecond) {
		ended := p.hasEnded() // checked before the log is read, so that no line is missed
		for line := range strings.Lines(p.Log()) {
			var members map[string]any
			if json.Unmarshal([]byte(line), &members) == nil && members["msg"] == message {
				return members, nil
			}
		}
		if ended || time.Now().After(deadline) {
			return nil, fmt.Errorf("%s did not log %q: %s", p.command.Path, message, p.LogTail())
		}
	}
}

func (p *Process) hasEnded() bool {
	select {
	case <-p.ended:
		return true
	default:
		return false
	}
}

// Stop interrupts the process, and kills it if it does not end in time.
func (p *Process) Stop() {
	if p.command.Process.Signal(os.Interrupt) != nil { // Windows has no such signal
		_ = p.command.Process.Kill()
	}
	_ = p.Wait(stopTimeout)
	p.Kill()
}

// Kill kills the process. It may be called more than once.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.ended
	_ = p.log.Close()
}

// Log returns the log of the process so far.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(bytes.TrimSpace(text))
}

// LogTail returns the last 1000 bytes of the log.
func (p *Process) LogTail() string {
	text := p.Log()
	return text[max(0, len(text)-1000):]
}

// endedWith makes reads from the standard output of a process fail with the end of its log when it has ended.
func (p *Process) endedWith(stdout *io.PipeWriter, name string) {
	<-p.ended
	stdout.CloseWithError(errors.New(name + " ended: " + p.LogTail()))
}
