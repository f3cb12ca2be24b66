package main

import (
	"context"
	"fmt"
	"io"
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
