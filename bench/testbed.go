package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/internal/e2e"
)

// startTimeout limits the time until a process answers.
const startTimeout = 30 * time.Second

// testbed has the parts that all servers share: the programs, the simulator, and the plan of cores.
type testbed struct {
	cores     cores
	folder    string
	programs  []program // of this build first
	simulator *process
	wechat    string // the simulator's URL
	servers   []*server
}

// openTestbed builds lingpai and starts the simulator. The caller closes the testbed.
func openTestbed(ctx context.Context, o options) (*testbed, error) {
	folder, err := os.MkdirTemp(o.folder, "lingpai-bench-")
	if err != nil {
		return nil, err
	}
	b := &testbed{cores: planCores(), folder: folder}
	b.programs = o.built
	if b.programs == nil {
		b.programs, err = buildPrograms(ctx, o, folder)
	}
	if err == nil {
		err = b.cores.move(ctx, os.Getpid())
	}
	if err == nil {
		err = b.startSimulator(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

// startSimulator starts WeChat's simulator in a process of its own, so that its CPU time does not count for the server.
func (b *testbed) startSimulator(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	b.wechat = "http://" + address
	command := b.cores.command(ctx, b.cores.others, b.programs[0].path, "wechat-simulator", "--addr", address)
	command.Env = cleanEnvironment()
	if b.simulator, err = start(command, filepath.Join(b.folder, "simulator.log")); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(b.wechat + "/_sim/requests")
		if err == nil {
			return response.Body.Close()
		}
	}
	return errors.New("the simulator does not answer")
}

// close stops all processes, and removes all files and stores.
func (b *testbed) close() error {
	var problems []error
	for _, s := range b.servers {
		problems = append(problems, s.close())
	}
	if b.simulator != nil {
		b.simulator.Stop()
	}
	return errors.Join(append(problems, os.RemoveAll(b.folder))...)
}

// cleanEnvironment returns the environment without settings of lingpai, which would affect the measurement.
func cleanEnvironment() []string {
	return slices.DeleteFunc(e2e.Environment(), func(variable string) bool {
		return strings.HasPrefix(variable, "GOMAXPROCS=")
	})
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
