package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"path/filepath"
	"strings"
	"time"

	"github.com/lingpai/lingpai/internal/e2e"
)

// server is the server under test, with a store of its own.
type server struct {
	*testbed
	program program
	folder  string
	store   store
	process *process
	// address is the server's address, and ready is the line in which lingpai dev describes its seed.
	address string
	ready   e2e.Ready
	service credentials // of a client that acts for itself
	api     credentials // of an API that exchanges the tokens it receives
	site    credentials // of a client that users sign in to with a browser
	report  serverReport
}

// serverReport has the measurements of a server other than its answers.
type serverReport struct {
	Store        string    `json:"store"`
	Signer       string    `json:"signer"`
	Stored       int       `json:"stored_sessions,omitempty"` // -growth: the number of sessions in the store
	StartsMS     []float64 `json:"start_to_first_token_ms"`   // of each start
	IdleMemory   memory    `json:"idle_memory_bytes"`
	LoadedMemory memory    `json:"loaded_memory_bytes"`
	Sessions     int64     `json:"sessions_at_end"`
	SessionBytes int64     `json:"session_bytes_at_end"` // with their indexes; 0: unknown
}

// startServer starts a server over a new store. The testbed closes it.
func (b *testbed) startServer(ctx context.Context, o options, program program, kind string, stored int,
	progress io.Writer) (*server, error) {
	opened := &server{testbed: b, program: program, folder: filepath.Join(b.folder,
		fmt.Sprintf("server-%d", len(b.servers)+1))}
	opened.report = serverReport{Store: kind, Signer: program.signer, Stored: stored}
	var err error
	if opened.store, err = b.openStore(ctx, kind, opened.folder); err != nil {
		return nil, err
	}
	b.servers = append(b.servers, opened)
	fmt.Fprintf(progress, "starting the server, %s, signatures by %s\n", kind, program.signer)
	if err := opened.seed(ctx); err != nil {
		return nil, err
	}
	if err := opened.createClients(ctx); err != nil {
		return nil, err
	}
	return opened, opened.serve(ctx, o)
}

// environment returns the variables of all programs of the server.
func (s *server) environment() []string { return append(cleanEnvironment(), s.store.environment()...) }

// credentials are a client's id and secret.
type credentials struct{ id, secret string }

// createClients registers clients, as their operator would: a back end that acts for itself, an API, and a site.
func (s *server) createClients(ctx context.Context) (err error) {
	if s.service, err = s.createClient(ctx, "bench-service", "--grant", clientCredentialsName,
		"--audience", "https://api.example.com", "--scope", "api", "--default-scope", "api"); err != nil {
		return err
	}
	if s.api, err = s.createClient(ctx, "bench-api", "--grant", exchangeGrant, "--is-audience",
		"https://api.example.com", "--audience", "https://stock.example.com", "--scope", "api"); err != nil {
		return err
	}
	s.site, err = s.createClient(ctx, "bench-site", "--first-party", "--grant", codeName, "--grant", refreshName,
		"--redirect-uri", siteCallback, "--scope", "openid", "--default-scope", "openid")
	return err
}

func (s *server) createClient(ctx context.Context, id string, flags ...string) (made credentials, err error) {
	text, err := s.lingpai(ctx, "", append([]string{"clients", "create", id}, flags...)...)
	if err != nil {
		return made, err
	}
	for line := range strings.Lines(text) {
		switch fields := strings.Fields(line); {
		case len(fields) != 2:
		case fields[0] == "client_id":
			made.id = fields[1]
		case fields[0] == "client_secret":
			made.secret = fields[1]
		}
	}
	if made.id == "" || made.secret == "" {
		return made, fmt.Errorf("lingpai clients create printed no secret: %s", text)
	}
	return made, nil
}

// lingpai executes a command of lingpai with a text as its standard input, and returns what it prints.
func (s *server) lingpai(ctx context.Context, input string, arguments ...string) (string, error) {
	command := s.cores.command(ctx, s.cores.others, s.program.path, arguments...)
	command.Env, command.Stdin = s.environment(), strings.NewReader(input)
	text, err := command.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("lingpai %s %s: %w: %s", arguments[0], arguments[1], err, text)
	}
	return string(text), err
}

// endpoint returns the URL of the token endpoint.
func (s *server) endpoint() (*url.URL, error) { return url.Parse(s.ready.TokenEndpoint) }

// recordFinalState records the memory and the store at the end.
func (s *server) recordFinalState(ctx context.Context) error {
	s.report.LoadedMemory = s.process.memory()
	state, err := s.store.readState(ctx)
	if err == nil {
		s.report.Sessions = state.Sessions
		s.report.SessionBytes, err = s.store.sessionBytes(ctx)
	}
	return err
}

// cpu implements meter.
func (s *server) cpu() time.Duration { return s.process.cpu() }

// databaseCPU implements meter.
func (s *server) databaseCPU() map[int]time.Duration { return s.store.cpu() }

// close ends the server and removes its store.
func (s *server) close() error {
	if s.process != nil {
		s.process.Stop()
	}
	return s.store.remove()
}

const (
	// usualStarts is how often the server is started; the last one takes the load.
	usualStarts = 5
	// usualSettling is how long a started server idles before its memory is read.
	usualSettling = 2 * time.Second
)

// seed makes lingpai dev create a store with keys, an app, two clients and a user, and reads the line that describes
// them.
func (s *server) seed(ctx context.Context) error {
	var err error
	if s.address, err = freeAddress(); err != nil {
		return err
	}
	command := s.cores.command(ctx, s.cores.others, s.program.path, e2e.DevArguments(s.address, s.folder)...)
	command.Env = append(s.environment(), "LINGPAI_WECHAT_BASE_URL="+s.wechat)
	dev, ready, err := e2e.StartDev(command, s.folder+"-dev.log")
	if err != nil {
		return err
	}
	dev.Stop()
	s.ready = ready
	return nil
}

// serve starts the server with the seeded store a few times, and reads the memory of the last one.
func (s *server) serve(ctx context.Context, o options) error {
	for range o.starts {
		elapsed, err := s.restart(ctx, o)
		if err != nil {
			return err
		}
		s.report.StartsMS = append(s.report.StartsMS, milliseconds(elapsed))
	}
	err := pause(ctx, o.settling)
	s.report.IdleMemory = s.process.memory()
	return err
}

// restart stops the running server, if any, starts it again, and returns the time until the first token.
func (s *server) restart(ctx context.Context, o options) (time.Duration, error) {
	if s.process != nil {
		s.process.Stop()
	}
	command := s.cores.command(ctx, s.cores.server, s.program.path, "serve")
	command.Env = append(s.environment(), "GOMAXPROCS=1", "LINGPAI_SERVER_ADDR="+s.address,
		"LINGPAI_SERVER_ISSUER=http://"+s.address,
		"LINGPAI_MASTER_KEY_FILE="+filepath.Join(s.folder, "master.key"), "LINGPAI_WECHAT_BASE_URL="+s.wechat,
		"LINGPAI_LOG_LEVEL="+o.logLevel,
		"LINGPAI_LIMITS_OVERRIDES=sign_ins=0/1h,password_minute=0/1h,password_quarter=0/1h,password_day=0/1h,"+
			"password_user=0/1h",
		"LINGPAI_PASSWORD_ADDRESS_ATTEMPTS=0", "LINGPAI_SESSION_LIMIT=0", "LINGPAI_SERVER_TRUSTED_PROXIES=127.0.0.1/32")
	endpoint, err := s.endpoint()
	if err != nil {
		return 0, err
	}
	request := postRequest(endpoint, s.service.id, s.service.secret, url.Values{"grant_type": {clientCredentialsName}})
	began := time.Now()
	if s.process, err = start(command, s.folder+".log"); err != nil {
		return 0, err
	}
	for ; time.Since(began) < startTimeout; time.Sleep(200 * time.Microsecond) {
		select {
		case <-s.process.Ended():
			return 0, errors.New("lingpai serve ended: " + s.process.LogTail())
		default:
		}
		connection, err := dial(s.address)
		if err != nil { // the server does not listen yet
			continue
		}
		a, err := connection.exchange(request)
		elapsed := time.Since(began)
		_ = connection.raw.Close()
		return elapsed, errors.Join(err, a.failure())
	}
	return 0, errors.New("lingpai serve does not answer: " + s.process.LogTail())
}
