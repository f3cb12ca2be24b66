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

// startTimeout bounds how long a process may take until it answers.
const startTimeout = 30 * time.Second

// site is what all houses share: the programs, the simulator, and who runs on which core.
type site struct {
	cores     cores
	folder    string
	programs  []program // of this build first
	simulator *process
	wechat    string // the simulator's URL
	houses    []*house
}

// openSite builds lingpai and starts the simulator. The caller closes the site.
func openSite(ctx context.Context, o options) (*site, error) {
	folder, err := os.MkdirTemp(o.folder, "lingpai-bench-")
	if err != nil {
		return nil, err
	}
	s := &site{cores: planCores(), folder: folder}
	s.programs, err = buildPrograms(ctx, o, folder)
	if err == nil {
		err = s.cores.move(ctx, os.Getpid())
	}
	if err == nil {
		err = s.startSimulator(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, s.close())
	}
	return s, nil
}

// startSimulator starts WeChat's simulator in a process of its own, so that its CPU is not the server's.
func (s *site) startSimulator(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s.wechat = "http://" + address
	command := s.cores.command(ctx, s.cores.others, s.programs[0].path, "wechat-simulator", "--addr", address)
	command.Env = cleanEnvironment()
	if s.simulator, err = start(command, filepath.Join(s.folder, "simulator.log")); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(s.wechat + "/_sim/requests")
		if err == nil {
			return response.Body.Close()
		}
	}
	return errors.New("the simulator does not answer")
}

// close ends all processes, and removes all that was made.
func (s *site) close() error {
	var faults []error
	for _, h := range s.houses {
		faults = append(faults, h.close())
	}
	if s.simulator != nil {
		s.simulator.Stop()
	}
	return errors.Join(append(faults, os.RemoveAll(s.folder))...)
}

// cleanEnvironment is our environment without settings of lingpai, which would change what is measured.
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
