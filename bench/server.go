package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"time"
)

// startTimeout bounds how long a process may take until it answers.
const startTimeout = 30 * time.Second

// house is the processes that are measured, and the folder that they work in.
type house struct {
	cores     cores
	folder    string
	program   string
	simulator *process
	wechat    string // the simulator's URL
	server    *process
	ready     ready
}

// ready is the line that lingpai dev prints when it is up.
type ready struct {
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
	MiniProgram   struct {
		ClientID string `json:"client_id"`
		AppID    string `json:"appid"`
	} `json:"mini_program"`
	Confidential struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"confidential"`
	User struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"user"`
}

// openHouse builds lingpai and starts the simulator. The caller closes the house.
func openHouse(ctx context.Context, o options) (*house, error) {
	folder, err := os.MkdirTemp(o.folder, "lingpai-bench-")
	if err != nil {
		return nil, err
	}
	h := &house{cores: planCores(), folder: folder, program: filepath.Join(folder, "lingpai")}
	if runtime.GOOS == "windows" {
		h.program += ".exe"
	}
	build := exec.CommandContext(ctx, "go", "build", "-o", h.program, "github.com/lingpai/lingpai/cmd/lingpai")
	build.Stderr = os.Stderr
	err = build.Run()
	if err == nil {
		err = h.cores.moveSelf(ctx)
	}
	if err == nil {
		err = h.startSimulator(ctx)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

// startSimulator starts WeChat's simulator in a process of its own, so that its CPU is not the server's.
func (h *house) startSimulator(ctx context.Context) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	h.wechat = "http://" + address
	command := h.cores.command(ctx, h.cores.others, h.program, "wechat-simulator", "--addr", address)
	command.Env = cleanEnvironment()
	if h.simulator, err = h.start(command, "simulator", nil); err != nil {
		return err
	}
	for deadline := time.Now().Add(startTimeout); time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
		response, err := http.Get(h.wechat + "/_sim/requests")
		if err == nil {
			return response.Body.Close()
		}
	}
	return errors.New("the simulator does not answer")
}

// restart starts the server, after ending one that runs, and returns how many milliseconds passed until it had given its first token.
func (h *house) restart(ctx context.Context, o options) (float64, error) {
	if h.server != nil {
		h.server.stop()
	}
	command := h.cores.command(ctx, h.cores.server, h.program, "dev", "--data", h.folder, "--addr", "127.0.0.1:0", "--output", "json")
	command.Env = append(cleanEnvironment(), "GOMAXPROCS=1", "LINGPAI_WECHAT_BASE_URL="+h.wechat, "LINGPAI_LOG_LEVEL="+o.logLevel,
		"LINGPAI_PASSWORD_ADDRESS_ATTEMPTS=0", "LINGPAI_SESSION_LIMIT=0")
	reader, writer := io.Pipe()
	start := time.Now()
	server, err := h.start(command, "server", writer)
	if err != nil {
		return 0, err
	}
	h.server = server
	go func() { // server, not h.server: the next restart replaces that while this still waits
		<-server.ended
		writer.CloseWithError(errors.New("the server ended: " + server.lastWords()))
	}()
	line, err := bufio.NewReader(reader).ReadBytes('\n') // dev prints it once it has fetched and verified a token of its own
	elapsed := time.Since(start)
	go func() { _, _ = io.Copy(io.Discard, reader) }()
	if err == nil {
		err = json.Unmarshal(line, &h.ready)
	}
	return float64(elapsed.Microseconds()) / 1e3, err
}

// close ends all processes and removes the folder.
func (h *house) close() {
	for _, p := range []*process{h.server, h.simulator} {
		if p != nil {
			p.stop()
		}
	}
	_ = os.RemoveAll(h.folder)
}

// cleanEnvironment is our environment without settings of lingpai, which would change what is measured.
func cleanEnvironment() []string {
	var kept []string
	for _, variable := range os.Environ() {
		if !strings.HasPrefix(variable, "LINGPAI_") && !strings.HasPrefix(variable, "GOMAXPROCS=") {
			kept = append(kept, variable)
		}
	}
	return kept
}

func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("no free port: %w", err)
	}
	return listener.Addr().String(), listener.Close()
}
