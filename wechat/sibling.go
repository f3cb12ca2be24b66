package wechat

import (
	"errors"
	"fmt"
	"net/url"
)

// A Sibling is another platform whose mini-programs sign in as WeChat's do:
// with the same path, query, members and errcodes, at another host and with
// AppIDs of another form.
type Sibling struct {
	Name       string                 // in configuration errors and in the log
	BaseURL    string                 // of its APIs
	IsHost     func(host string) bool // reports whether a host, without a port, is one of its own
	ValidAppID func(id string) bool   // reports whether id has the form of an AppID and may be logged
}

// weixin returns WeChat itself. It accepts every host, since the operator may use a gateway.
func weixin() Sibling {
	anyHost := func(string) bool { return true }
	return Sibling{Name: "wechat", BaseURL: DefaultBaseURL, IsHost: anyHost, ValidAppID: ValidAppID}
}

// NewSiblingClient is [NewClient] for another platform. Its base URL must be
// on one of the platform's hosts or on loopback: the AppSecrets of one platform must not be sent to another.
func NewSiblingClient(sibling Sibling, config Config) (*Client, error) {
	if sibling.Name == "" || sibling.BaseURL == "" || sibling.IsHost == nil || sibling.ValidAppID == nil {
		return nil, errors.New("wechat: a sibling needs Name, BaseURL, IsHost and ValidAppID")
	}
	if config.Timeout < 0 || config.MaxConcurrent < 0 || config.OpenFor < 0 {
		return nil, fmt.Errorf("%s: timeout, concurrency and opening time must not be negative", sibling.Name)
	}
	config = withDefaults(config, sibling.BaseURL)
	base, err := sibling.parseBaseURL(config.BaseURL)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", sibling.Name, err)
	}
	return &Client{
		platform:  sibling,
		base:      base,
		timeout:   config.Timeout,
		openFor:   config.OpenFor,
		transport: newTransport(config.Timeout, config.MaxConcurrent),
		slots:     make(chan struct{}, config.MaxConcurrent),
		breaker:   newBreaker(sibling.Name, config.OpenFor, config.Logger),
		logger:    config.Logger,
	}, nil
}

func (s Sibling) parseBaseURL(text string) (*url.URL, error) {
	base, err := parseBaseURL(text)
	if err != nil {
		return nil, err
	}
	if !s.IsHost(base.Hostname()) && !isLoopback(base.Hostname()) {
		return nil, errors.New("the base URL must be on one of the platform's hosts, or on loopback")
	}
	return base, nil
}

// printableAppID returns the AppID for the log, but not another text that was entered as
// AppID by mistake, such as the AppSecret.
func (s Sibling) printableAppID(id string) string {
	if s.ValidAppID(id) {
		return id
	}
	return "not an AppID"
}
