// Package qq signs in users of QQ's mini-programs. QQ's code2Session has the same path, query,
// members and errcodes as WeChat's, so package wechat makes the calls, and errors have its
// classes. Only the host and the form of AppIDs differ.
//
// Openids and unionids of QQ are unrelated to those of WeChat. Accounts must be stored with
// their platform.
package qq

import (
	"context"
	"strings"

	"github.com/lingpai/lingpai/wechat"
)

// DefaultBaseURL is the base URL of QQ's APIs.
const DefaultBaseURL = "https://api.q.qq.com"

// The shortest and the longest AppID, in digits. Real ones have about ten.
const (
	minAppID = 6
	maxAppID = 20
)

// IsHost reports whether host, a name without a port, is the one on which QQ serves its APIs.
func IsHost(host string) bool { return strings.EqualFold(host, "api.q.qq.com") }

// ValidAppID reports whether id has the form of an AppID: 6 to 20 digits. No AppID of WeChat has this form.
func ValidAppID(id string) bool {
	return minAppID <= len(id) && len(id) <= maxAppID && strings.Trim(id, "0123456789") == ""
}

// A Client calls QQ's server API. It is safe for concurrent use, and has limits and a circuit breaker of its own, so
// that an outage of QQ does not affect WeChat.
type Client struct {
	calls *wechat.Client
}

// NewClient returns a client, or an error if the configuration is invalid. The base URL must be QQ's own, or on
// loopback. When the client is no longer needed, call Close.
func NewClient(config wechat.Config) (*Client, error) {
	calls, err := wechat.NewPlatformClient(wechat.Platform{Name: "qq", BaseURL: DefaultBaseURL, IsHost: IsHost,
		ValidAppID: ValidAppID}, config)
	if err != nil {
		return nil, err
	}
	return &Client{calls}, nil
}

// CodeToSession exchanges the code of a qq.login call for the user's identity. As with
// [wechat.Client.CodeToSession], a code is sent at most once, and the error is always a
// *wechat.Error.
func (c *Client) CodeToSession(ctx context.Context, credentials wechat.Credentials, code string) (wechat.Login, error) {
	return c.calls.CodeToSession(ctx, credentials, code)
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.calls.Close() }
