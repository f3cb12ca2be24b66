package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
)

// codes are unused wx.login codes of one user after another.
type codes struct {
	server *server
	person func() string
	ready  chan string
}

// knownCodes returns codes of users who have signed in before.
func (s *server) knownCodes() *codes { return s.codes("person", people) }

// newCodes returns codes of new users.
func (s *server) newCodes() *codes { return s.codes("new-person", math.MaxInt64) }

func (s *server) codes(kind string, count int64) *codes {
	var last atomic.Int64
	return &codes{server: s, person: func() string {
		return fmt.Sprintf("%s-%d", kind, last.Add(1)%count)
	}}
}

// signIn returns a request that exchanges a code. If no prepared code is left, it mints one, which costs the server
// nothing.
func (c *codes) signIn(endpoint *url.URL) ([]byte, error) {
	var code string
	select {
	case code = <-c.ready:
	default:
		var err error
		if code, err = c.mint(context.Background()); err != nil {
			return nil, err
		}
	}
	return postRequest(endpoint, c.server.ready.MiniProgram.ClientID, "", url.Values{"grant_type": {wechatName},
		"code": {code}}), nil
}

// prepare mints codes. It drops the old ones, since a code is valid only for five minutes.
func (c *codes) prepare(ctx context.Context, count int) error {
	c.ready = make(chan string, count)
	const minters = 4
	problems := make([]error, minters)
	var running sync.WaitGroup
	for n := range minters {
		running.Go(func() {
			for minted := n; minted < count && problems[n] == nil; minted += minters {
				var code string
				if code, problems[n] = c.mint(ctx); problems[n] == nil {
					c.ready <- code
				}
			}
		})
	}
	running.Wait()
	return errors.Join(problems...)
}

func (c *codes) mint(ctx context.Context) (string, error) {
	body := fmt.Sprintf(`{"appid":%q,"user":%q}`, c.server.ready.MiniProgram.AppID, c.person())
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, c.server.wechat+"/_sim/codes",
		strings.NewReader(body))
	if err != nil {
		return "", err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return "", err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return "", err
	}
	var minted struct{ Code string }
	if err := json.Unmarshal(answer, &minted); err != nil || minted.Code == "" {
		return "", fmt.Errorf("the simulator minted no code: %s", bytes.TrimSpace(answer))
	}
	return minted.Code, nil
}
