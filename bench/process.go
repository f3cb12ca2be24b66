package main

import (
	"bytes"
	"errors"
	"io"
	"os"
	"os/exec"
	"time"
)

// process is a running program. Its log goes to a file, since a pipe would have somebody else read it while
// it is measured.
type process struct {
	command *exec.Cmd
	log     *os.File
	ended   chan struct{}
}

func start(command *exec.Cmd, logName string, out io.Writer) (*process, error) {
	log, err := os.OpenFile(logName, os.O_CREATE|os.O_TRUNC|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	command.Stdout, command.Stderr = out, log
	command.WaitDelay = startTimeout
	if err := command.Start(); err != nil {
		return nil, errors.Join(err, log.Close())
	}
	p := &process{command: command, log: log, ended: make(chan struct{})}
	go func() {
		_ = command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// stop asks the process to end, and makes it if it does not.
func (p *process) stop() {
	if p.command.Process.Signal(os.Interrupt) != nil { // Windows has no such signal
		_ = p.command.Process.Kill()
	}
	select {
	case <-p.ended:
	case <-time.After(startTimeout):
		_ = p.command.Process.Kill()
		<-p.ended
	}
	_ = p.log.Close()
}

func (p *process) cpu() time.Duration {
	used, _ := cpuTime(p.command.Process.Pid)
	return used
}

// memory is resident memory in bytes.
type memory struct {
	Now  int64 `json:"now"`
	Peak int64 `json:"peak"`
}

func (p *process) memory() memory { return residentMemory(p.command.Process.Pid) }

// lastWords is the end of the process's log.
func (p *process) lastWords() string {
	text, _ := os.ReadFile(p.log.Name())
	text = bytes.TrimSpace(text)
	return string(text[max(0, len(text)-1000):])
}
