// Package qq signs in at QQ's mini-programs. Their platform is WeChat's sibling:
// code2Session has the same path, query, members and errcodes, so that package
// wechat makes the calls, and failures are its classes. What is here is what is
// different: the host, and the form of AppIDs.
//
// An openid of QQ's has nothing to do with one of WeChat's, nor a union id. Whoever
// keeps accounts must keep the platform with them.
package qq

import (
	"context"
	"strings"

	"github.com/lingpai/lingpai/wechat"
)

// DefaultBaseURL is where QQ serves its APIs.
const DefaultBaseURL = "https://api.q.qq.com"

// The longest and the shortest AppID, in digits. True ones have about ten.
const (
	minAppID = 6
	maxAppID = 20
)

// IsHost reports whether host, a name without port, is the one on which QQ
// serves its APIs.
func IsHost(host string) bool { return strings.EqualFold(host, "api.q.qq.com") }

// ValidAppID reports whether id has the form of an AppID: 6 to 20 digits. None
// of WeChat's has it.
func ValidAppID(id string) bool {
	return minAppID <= len(id) && len(id) <= maxAppID && strings.Trim(id, "0123456789") == ""
}

// A Client calls QQ's server API. It is safe for concurrent use, and what QQ
// does wrong is not held against WeChat: its bounds and its circuit breaker are
// its own.
type Client struct {
	calls *wechat.Client
}

// NewClient returns a client, or an error if the configuration is unfit. The
// base URL is QQ's own, or on loopback. When the client is no longer needed,
// call Close.
func NewClient(config wechat.Config) (*Client, error) {
	calls, err := wechat.NewSiblingClient(wechat.Sibling{Name: "qq", BaseURL: DefaultBaseURL, IsHost: IsHost,
		ValidAppID: ValidAppID}, config)
	if err != nil {
		return nil, err
	}
	return &Client{calls}, nil
}

// CodeToSession trades the code of a qq.login call for the user's identity. What
// [wechat.Client.CodeToSession] says of it holds here: a code is sent at most once,
// and the error is always a *wechat.Error.
func (c *Client) CodeToSession(ctx context.Context, credentials wechat.Credentials, code string) (wechat.Login, error) {
	return c.calls.CodeToSession(ctx, credentials, code)
}

// Close closes the connections that are not in use.
func (c *Client) Close() { c.calls.Close() }
