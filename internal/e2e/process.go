package e2e

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// stopTimeout bounds how long a process may take to end after it was asked to.
const stopTimeout = 30 * time.Second

// Process is a running program. Its log, which is its standard error, goes to a file, since a pipe would have
// this process read it while the other one is measured.
type Process struct {
	command *exec.Cmd
	log     *os.File
	ended   chan struct{}
}

// Start starts a command and writes its log to a new file. A command without a standard output of its own
// writes that to the log, too. Stop or Kill must be called, once, to close the file.
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
		_ = command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// PID is the process's number.
func (p *Process) PID() int { return p.command.Process.Pid }

// Ended is closed when the process has ended, for whatever reason.
func (p *Process) Ended() <-chan struct{} { return p.ended }

// Stop asks the process to end, and kills it if it does not.
func (p *Process) Stop() {
	if p.command.Process.Signal(os.Interrupt) != nil { // Windows has no such signal
		_ = p.command.Process.Kill()
	}
	select {
	case <-p.ended:
	case <-time.After(stopTimeout):
		_ = p.command.Process.Kill()
		<-p.ended
	}
	_ = p.log.Close()
}

// Kill ends the process without asking it. It may be called more than once.
func (p *Process) Kill() {
	_ = p.command.Process.Kill()
	<-p.ended
	_ = p.log.Close()
}

// Log is what the process has written to its log.
func (p *Process) Log() string {
	text, _ := os.ReadFile(p.log.Name())
	return string(bytes.TrimSpace(text))
}

// LogTail is the end of the log, at most 1000 bytes of it.
func (p *Process) LogTail() string {
	text := p.Log()
	return text[max(0, len(text)-1000):]
}

// endedWith makes reads from the standard output of a process fail, with the end of its log, once it has ended.
func (p *Process) endedWith(stdout *io.PipeWriter, name string) {
	<-p.ended
	stdout.CloseWithError(errors.New(name + " ended: " + p.LogTail()))
}
