package backchannel

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/outbound"
	"github.com/lingpai/lingpai/tokens"
)

const (
	batch  = 64             // notices that are sent at the same time
	giveUp = 24 * time.Hour // after the end of the session

	// silence is how long nothing is sent to a client that did not answer. Each of its notices would wait for the time
	// limit, and those of other clients behind them.
	silence = 30 * time.Second
)

var errSilent = errors.New("the client did not answer just before")

// Meter counts notices by outcome: delivered, failed (it is tried again), undelivered (given up).
type Meter interface{ NoticeSent(outcome string) }

// Config configures a Sender. All fields are required.
type Config struct {
	Issuer  string
	Notices identity.LogoutNotices
	Clients identity.Clients
	Tokens  *tokens.Issuer
	Meter   Meter
	Logger  *slog.Logger
}

// Sender sends notices. Any number of servers may send those of one store.
type Sender struct {
	config   Config
	outbound *outbound.Client

	mutex  sync.Mutex
	silent map[string]time.Time // clients that did not answer, and until when nothing is sent to them
}

// New returns a Sender.
func New(c Config) *Sender {
	return &Sender{config: c, outbound: outbound.New(c.Issuer), silent: map[string]time.Time{}}
}

// SendDue sends the notices that are due, and returns an error if the store fails.
func (s *Sender) SendDue(ctx context.Context) error {
	for ctx.Err() == nil {
		notices, now, err := s.config.Notices.Claim(ctx, batch)
		if err != nil {
			return err
		}
		failures := make([]error, len(notices))
		var sending sync.WaitGroup
		for n, notice := range notices {
			sending.Go(func() { failures[n] = s.deliver(ctx, notice, now) })
		}
		sending.Wait()
		if err := errors.Join(failures...); err != nil || len(notices) < batch {
			return err
		}
	}
	return ctx.Err()
}

// deliver sends one notice, and deletes it unless it is to be sent again.
func (s *Sender) deliver(ctx context.Context, notice identity.LogoutNotice, now time.Time) error {
	client, err := s.config.Clients.Find(ctx, notice.ClientID)
	switch {
	case errors.Is(err, identity.ErrNotFound) || err == nil && client.BackchannelLogoutURI == "":
		return s.config.Notices.Delete(ctx, notice.SessionID)
	case err != nil:
		return err
	}
	final, failure := false, errSilent
	if !s.isSilent(client.ID, now) {
		final, failure = s.send(ctx, client.BackchannelLogoutURI, notice, now)
	}
	outcome, level := "failed", slog.LevelInfo
	switch {
	case failure == nil:
		s.config.Meter.NoticeSent("delivered")
		return s.config.Notices.Delete(ctx, notice.SessionID)
	case ctx.Err() != nil:
		return nil // the server is stopping
	case final || now.Sub(notice.EndedAt) >= giveUp:
		outcome, level = "undelivered", slog.LevelWarn
		err = s.config.Notices.GiveUp(ctx, notice, failure.Error())
	}
	s.config.Meter.NoticeSent(outcome)
	s.config.Logger.Log(ctx, level, "logout notice "+outcome, "client", notice.ClientID, "session", notice.SessionID,
		"attempts", notice.Attempts, "error", failure)
	return err
}

func (s *Sender) isSilent(clientID string, now time.Time) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	until, found := s.silent[clientID]
	if found && !now.Before(until) {
		delete(s.silent, clientID)
	}
	return now.Before(until)
}

// send posts a logout token (Back-Channel Logout §2.5). The failure is final if the client has refused the token
// (§2.8).
func (s *Sender) send(ctx context.Context, uri string, notice identity.LogoutNotice, now time.Time) (final bool,
	failure error) {
	token, err := tokens.SignLogoutToken(s.config.Tokens, notice)
	if err != nil {
		return false, err
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, uri,
		strings.NewReader(url.Values{"logout_token": {token}}.Encode()))
	if err != nil {
		return true, err
	}
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	response, err := s.outbound.Do(request)
	if err != nil {
		s.mutex.Lock()
		s.silent[notice.ClientID] = now.Add(silence)
		s.mutex.Unlock()
		return false, err
	}
	_ = response.Body.Close() // unread: a server that sends it slowly would delay the notices of others
	switch response.StatusCode {
	case http.StatusOK, http.StatusNoContent:
		return false, nil
	}
	return response.StatusCode == http.StatusBadRequest, fmt.Errorf("the client answered %d", response.StatusCode)
}
