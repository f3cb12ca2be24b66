package wechat

import (
	"errors"
	"fmt"
	"net/url"
)

// A Platform is WeChat, or another platform whose mini-programs sign in as WeChat's do:
// with the same path, query, members and errcodes, at another host and with
// AppIDs of another form.
type Platform struct {
	Name       string                 // in configuration errors and in the log
	BaseURL    string                 // of its APIs
	IsHost     func(host string) bool // reports whether a host, without a port, is one of its own
	ValidAppID func(id string) bool   // reports whether id has the form of an AppID and may be logged
}

// wechatPlatform returns WeChat itself. It accepts every host, since the operator may use a gateway.
func wechatPlatform() Platform {
	anyHost := func(string) bool { return true }
	return Platform{Name: "wechat", BaseURL: DefaultBaseURL, IsHost: anyHost, ValidAppID: ValidAppID}
}

// NewPlatformClient is [NewClient] for another platform. Its base URL must be
// on one of the platform's hosts or on loopback: the AppSecrets of one platform must not be sent to another.
func NewPlatformClient(platform Platform, config Config) (*Client, error) {
	if platform.Name == "" || platform.BaseURL == "" || platform.IsHost == nil || platform.ValidAppID == nil {
		return nil, errors.New("wechat: a platform needs Name, BaseURL, IsHost and ValidAppID")
	}
	if config.Timeout < 0 || config.MaxConcurrent < 0 || config.OpenFor < 0 {
		return nil, fmt.Errorf("%s: timeout, concurrency and opening time must not be negative", platform.Name)
	}
	config = withDefaults(config, platform.BaseURL)
	base, err := platform.parseBaseURL(config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", platform.Name, err)
	}
	return &Client{
		platform:  platform,
		base:      base,
		timeout:   config.Timeout,
		openFor:   config.OpenFor,
		transport: newTransport(config.Timeout, config.MaxConcurrent),
		slots:     make(chan struct{}, config.MaxConcurrent),
		breaker:   newBreaker(platform.Name, config.OpenFor, config.Logger),
		pauser:    newPauser(),
		logger:    config.Logger,
	}, nil
}

func (p Platform) parseBaseURL(text string) (*url.URL, error) {
	base, err := parseBaseURL(text)
	if err != nil {
		return nil, err
	}
	if !p.IsHost(base.Hostname()) && !isLoopback(base.Hostname()) {
		return nil, errors.New("the base URL must be on one of the platform's hosts, or on loopback")
	}
	return base, nil
}

// printableAppID returns the AppID for the log, but not another text that was entered as
// AppID by mistake, such as the AppSecret.
func (p Platform) printableAppID(id string) string {
	if p.ValidAppID(id) {
		return id
	}
	return "not an AppID"
}
