package main

import (
	"os/exec"
	"time"

	"github.com/lingpai/lingpai/internal/e2e"
)

// process is a measured process.
type process struct{ *e2e.Process }

func start(command *exec.Cmd, logName string) (*process, error) {
	p, err := e2e.Start(command, logName)
	if err != nil {
		return nil, err
	}
	return &process{p}, nil
}

func (p *process) cpu() time.Duration {
	used, _ := cpuTime(p.PID())
	return used
}

// memory is resident memory in bytes.
type memory struct {
	Now  int64 `json:"now"`
	Peak int64 `json:"peak"`
}

func (p *process) memory() memory { return residentMemory(p.PID()) }
