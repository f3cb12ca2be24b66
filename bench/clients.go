package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// holder keeps the tokens of the last answer, which the next request may use.
type holder struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	next         func(*holder) ([]byte, error)
}

func (h *holder) request() ([]byte, error)          { return h.next(h) }
func (h *holder) answered(a answer) ([]byte, error) { return nil, json.Unmarshal(a.body, h) }

// tokenWorkload returns a workload whose clients make their requests with the same function.
func tokenWorkload(name string, endpoint *url.URL, holders []*holder, next func(*holder) ([]byte, error)) *workload {
	w := &workload{name: name, target: endpoint, token: func() string { return holders[0].AccessToken }}
	for _, h := range holders {
		h.next = next
		w.clients = append(w.clients, h)
	}
	return w
}

func newHolders(count int) []*holder {
	holders := make([]*holder, count)
	for n := range holders {
		holders[n] = &holder{}
	}
	return holders
}

// reader sends the same request repeatedly and only checks that the answer is not empty.
type reader []byte

func (r reader) request() ([]byte, error) { return r, nil }

func (r reader) answered(a answer) (next []byte, err error) {
	if len(a.body) == 0 {
		err = errors.New("the answer is empty")
	}
	return nil, err
}

// activeReader introspects the same token repeatedly, which must be active each time.
type activeReader []byte

func (r activeReader) request() ([]byte, error) { return r, nil }

func (r activeReader) answered(a answer) (next []byte, err error) {
	if !bytes.Contains(a.body, []byte(`"active":true`)) {
		err = fmt.Errorf("the token is not active: %s", a.body)
	}
	return nil, err
}

// signInAll opens a number of sessions of different users.
func signInAll(ctx context.Context, endpoint *url.URL, server *server, count int) ([]*holder, error) {
	codes := server.knownCodes()
	if err := codes.prepare(ctx, count); err != nil {
		return nil, err
	}
	connection, err := dial(endpoint.Host)
	if err != nil {
		return nil, err
	}
	defer connection.raw.Close()
	holders := newHolders(count)
	for _, h := range holders {
		h.next = func(*holder) ([]byte, error) { return codes.signIn(endpoint) }
		if err := h.ask(connection); err != nil {
			return nil, err
		}
	}
	return holders, nil
}

// maxTries limits how often a request may fail while the store is filled, since a busy disk delays others.
const maxTries = 10

// ask makes the holder's next request and reads the answer. It is used before anything is measured.
func (h *holder) ask(connection *connection) error {
	for try := 1; ; try++ {
		request, err := h.request()
		if err != nil {
			return err
		}
		a, err := connection.exchange(request)
		switch {
		case err != nil:
			return err
		case a.status == http.StatusServiceUnavailable && try < maxTries:
			time.Sleep(time.Second)
		case a.failure() != nil:
			return a.failure()
		default:
			_, err = h.answered(a)
			return err
		}
	}
}
