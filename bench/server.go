package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"path/filepath"
	"time"

	"github.com/lingpai/lingpai/internal/e2e"
)

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
