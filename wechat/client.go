package wechat

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/sony/gobreaker/v2"
)

const (
	defaultTimeout       = 3 * time.Second
	defaultMaxConcurrent = 64
	defaultOpenFor       = 10 * time.Second
)

// Config configures a Client. The zero value is fit for production.
type Config struct {
	BaseURL       string        // default DefaultBaseURL; https, or http on loopback
	Timeout       time.Duration // of a whole call, including the wait for a slot; default 3 s
	MaxConcurrent int           // concurrent calls; default 64
	OpenFor       time.Duration // how long the breaker stays open; default 10 s
	Logger        *slog.Logger  // default none
}

// A Client calls WeChat's server APIs. It is safe for concurrent use.
type Client struct {
	platform  Platform
	base      *url.URL
	timeout   time.Duration
	openFor   time.Duration
	transport *http.Transport
	slots     chan struct{}
	breaker   *gobreaker.CircuitBreaker[any]
	pauser    *pauser
	logger    *slog.Logger
}

// NewClient returns a client, or an error if the configuration is invalid. It
// does not call WeChat. When the client is no longer needed, call Close.
func NewClient(config Config) (*Client, error) {
	return NewPlatformClient(wechatPlatform(), config)
}

func withDefaults(config Config, baseURL string) Config {
	if config.BaseURL == "" {
		config.BaseURL = baseURL
	}
	if config.Timeout == 0 {
		config.Timeout = defaultTimeout
	}
	if config.MaxConcurrent == 0 {
		config.MaxConcurrent = defaultMaxConcurrent
	}
	if config.OpenFor == 0 {
		config.OpenFor = defaultOpenFor
	}
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	return config
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

// acquire takes one of the slots for concurrent calls. It waits at most for half of
// the timeout, so that WeChat has the other half to answer.
func (c *Client) acquire(ctx context.Context) error {
	if ctx.Err() != nil {
		return contextFailure(ctx)
	}
	wait := time.NewTimer(c.timeout / 2)
	defer wait.Stop()
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-wait.C:
		return &Error{Class: ErrUnavailable, Reason: "too many calls in flight"}
	case <-ctx.Done():
		return contextFailure(ctx)
	}
}

func (c *Client) release() { <-c.slots }

// report logs a failed call. Its level depends on the class: invalid codes of users are
// not the operator's concern, but errors of WeChat or of the settings are.
func (c *Client) report(ctx context.Context, api, appID string, err error) {
	failed, ok := errors.AsType[*Error](err)
	if !ok {
		return
	}
	attributes := []slog.Attr{
		slog.String("appid", c.platform.printableAppID(appID)),
		slog.String("class", failed.Class.Error()),
		slog.Int("errcode", failed.Errcode),
		slog.String("rid", failed.RID),
		slog.String("reason", failed.Reason),
	}
	if failed.Address.IsValid() {
		attributes = append(attributes, slog.String("our_address", failed.Address.String()))
	}
	c.logger.LogAttrs(ctx, failed.level(), c.platform.Name+": "+api+" failed", attributes...)
}

func (e *Error) level() slog.Level {
	switch {
	case errors.Is(e.Class, ErrMisconfigured):
		return slog.LevelError
	case errors.Is(e.Class, ErrThrottled), errors.Is(e.Class, ErrUnavailable) && e.health != abandoned:
		return slog.LevelWarn
	}
	return slog.LevelDebug
}
