package main

import (
	"context"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"sync"
)

// cores lists the cores that the processes run on. Empty lists pin nothing.
type cores struct {
	server, others string
	note           string
}

// planCores plans a core for the server alone, if possible. It must be called before any process is moved.
var planCores = sync.OnceValue(func() cores {
	allowed := allowedCores()
	_, err := exec.LookPath("taskset")
	switch {
	case len(allowed) == 0 || err != nil:
		return cores{note: "nothing is pinned: that needs Linux and taskset"}
	case len(allowed) == 1:
		return cores{note: "there is one core, which the server shares with the load"}
	}
	var rest []string
	for _, core := range allowed[1:] {
		rest = append(rest, strconv.Itoa(core))
	}
	c := cores{server: strconv.Itoa(allowed[0]), others: strings.Join(rest, ",")}
	c.note = fmt.Sprintf("server on core %s, simulator and load on %s", c.server, c.others)
	return c
})

// command returns a command that will run on the given cores. taskset executes the program in its own process.
func (c cores) command(ctx context.Context, on, program string, arguments ...string) *exec.Cmd {
	if on == "" {
		return exec.CommandContext(ctx, program, arguments...)
	}
	return exec.CommandContext(ctx, "taskset", append([]string{"-c", on, program}, arguments...)...)
}

// move moves a process, with all its threads, off the server's core.
func (c cores) move(ctx context.Context, pid int) error {
	if c.others == "" {
		return nil
	}
	return exec.CommandContext(ctx, "taskset", "-a", "-p", "-c", c.others, strconv.Itoa(pid)).Run()
}
