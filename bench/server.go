package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/lingpai/lingpai/internal/e2e"
)

// house is a server with a store of its own.
type house struct {
	*site
	program program
	folder  string
	store   store
	server  *process
	// address is the server's, and ready what lingpai dev told of what it seeded.
	address string
	ready   e2e.Ready
	// clientID and clientSecret are of a back end that gets tokens for itself.
	clientID, clientSecret string
	report                 houseReport
}

// houseReport is what is told of a server beside its answers.
type houseReport struct {
	Store        string    `json:"store"`
	Signer       string    `json:"signer"`
	Stored       int       `json:"stored_sessions,omitempty"` // -growth: how many sessions the store was given
	StartsMS     []float64 `json:"start_to_first_token_ms"`   // of each start
	IdleMemory   memory    `json:"idle_memory_bytes"`
	LoadedMemory memory    `json:"loaded_memory_bytes"`
	Sessions     int64     `json:"sessions_at_end"`
	SessionBytes int64     `json:"session_bytes_at_end"` // with their indexes; 0: unknown
}

// openHouse starts a server over a new store. The site closes it.
func (s *site) openHouse(ctx context.Context, o options, program program, kind string, stored int,
	progress io.Writer) (*house, error) {
	h := &house{site: s, program: program, folder: filepath.Join(s.folder, fmt.Sprintf("house-%d", len(s.houses)+1))}
	h.report = houseReport{Store: kind, Signer: program.signer, Stored: stored}
	var err error
	if h.store, err = s.openStore(ctx, kind, h.folder); err != nil {
		return nil, err
	}
	s.houses = append(s.houses, h)
	fmt.Fprintf(progress, "starting the server, %s, signatures by %s\n", kind, program.signer)
	if err := h.seed(ctx); err != nil {
		return nil, err
	}
	if err := h.createClient(ctx); err != nil {
		return nil, err
	}
	return h, h.serve(ctx, o)
}

// environment is what every program of the house is told.
func (h *house) environment() []string { return append(cleanEnvironment(), h.store.environment()...) }

// createClient registers a back end, as its operator would.
func (h *house) createClient(ctx context.Context) error {
	command := h.cores.command(ctx, h.cores.others, h.program.path, "clients", "create", "bench-service", "--grant",
		clientCredentialsName,
		"--audience", "https://api.example.com", "--scope", "api", "--default-scope", "api")
	command.Env = h.environment()
	text, err := command.CombinedOutput()
	if err != nil {
		return fmt.Errorf("lingpai clients create: %w: %s", err, text)
	}
	for line := range strings.Lines(string(text)) {
		switch fields := strings.Fields(line); {
		case len(fields) != 2:
		case fields[0] == "client_id":
			h.clientID = fields[1]
		case fields[0] == "client_secret":
			h.clientSecret = fields[1]
		}
	}
	if h.clientID == "" || h.clientSecret == "" {
		return fmt.Errorf("lingpai clients create printed no secret: %s", text)
	}
	return nil
}

// endpoint is where tokens are given.
func (h *house) endpoint() (*url.URL, error) { return url.Parse(h.ready.TokenEndpoint) }

// takeLeave looks at the house when all is measured.
func (h *house) takeLeave(ctx context.Context) error {
	h.report.LoadedMemory = h.server.memory()
	state, err := h.store.look(ctx)
	if err == nil {
		h.report.Sessions = state.Sessions
		h.report.SessionBytes, err = h.store.sessionBytes(ctx)
	}
	return err
}

// cpu implements meter.
func (h *house) cpu() time.Duration { return h.server.cpu() }

// databaseCPU implements meter.
func (h *house) databaseCPU() map[int]time.Duration { return h.store.cpu() }

// close ends the server and removes its store.
func (h *house) close() error {
	if h.server != nil {
		h.server.Stop()
	}
	return h.store.remove()
}

const (
	// starts is how often the server is started before the last of them takes the load.
	starts = 5
	// settling is how long a server that has started is left alone before its memory is looked at.
	settling = 2 * time.Second
)

// seed has lingpai dev make a store with keys, an app, two clients and a user, and takes the line in which it
// tells of them.
func (h *house) seed(ctx context.Context) error {
	var err error
	if h.address, err = freeAddress(); err != nil {
		return err
	}
	command := h.cores.command(ctx, h.cores.others, h.program.path, e2e.DevArguments(h.address, h.folder)...)
	command.Env = append(h.environment(), "LINGPAI_WECHAT_BASE_URL="+h.wechat)
	dev, ready, err := e2e.StartDev(command, h.folder+"-dev.log")
	if err != nil {
		return err
	}
	dev.Stop()
	h.ready = ready
	return nil
}

// serve starts the server over what was seeded a few times, and looks at the memory of the last.
func (h *house) serve(ctx context.Context, o options) error {
	for range starts {
		elapsed, err := h.restart(ctx, o)
		if err != nil {
			return err
		}
		h.report.StartsMS = append(h.report.StartsMS, milliseconds(elapsed))
	}
	err := pause(ctx, settling)
	h.report.IdleMemory = h.server.memory()
	return err
}

// restart starts the server, after ending one that runs, and returns how long it took until a client had its
// first token.
func (h *house) restart(ctx context.Context, o options) (time.Duration, error) {
	if h.server != nil {
		h.server.Stop()
	}
	command := h.cores.command(ctx, h.cores.server, h.program.path, "serve")
	command.Env = append(h.environment(), "GOMAXPROCS=1", "LINGPAI_SERVER_ADDR="+h.address,
		"LINGPAI_SERVER_ISSUER=http://"+h.address,
		"LINGPAI_MASTER_KEY_FILE="+filepath.Join(h.folder, "master.key"), "LINGPAI_WECHAT_BASE_URL="+h.wechat,
		"LINGPAI_LOG_LEVEL="+o.logLevel,
		"LINGPAI_PASSWORD_ADDRESS_ATTEMPTS=0", "LINGPAI_SESSION_LIMIT=0", "LINGPAI_SERVER_TRUSTED_PROXIES=127.0.0.1/32")
	endpoint, err := h.endpoint()
	if err != nil {
		return 0, err
	}
	request := postRequest(endpoint, h.clientID, h.clientSecret, url.Values{"grant_type": {clientCredentialsName}})
	began := time.Now()
	if h.server, err = start(command, h.folder+".log"); err != nil {
		return 0, err
	}
	for ; time.Since(began) < startTimeout; time.Sleep(200 * time.Microsecond) {
		select {
		case <-h.server.Ended():
			return 0, errors.New("lingpai serve ended: " + h.server.LogTail())
		default:
		}
		connection, err := dial(h.address)
		if err != nil { // nobody listens yet
			continue
		}
		status, body, err := connection.exchange(request)
		elapsed := time.Since(began)
		_ = connection.raw.Close()
		if err == nil && status != http.StatusOK {
			err = fmt.Errorf("the first token: %d: %s", status, body)
		}
		return elapsed, err
	}
	return 0, errors.New("lingpai serve does not answer: " + h.server.LogTail())
}
