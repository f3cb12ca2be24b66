package wechat

import (
	"context"
	"log/slog"
	"net/url"
)

// maxCode bounds a login code, in bytes. Theirs have 32.
const maxCode = 512

// Credentials are what WeChat knows a mini-program by.
type Credentials struct {
	AppID  string
	Secret Secret
}

// A Login is who a code stands for. An openid names a person at one app
// only. The union id, empty unless the app is bound to an Open Platform
// account, names the person at all apps of that account; it may appear or
// change later. The session key is for a [Vault]; it is zero if WeChat
// answered none that can be one.
type Login struct {
	OpenID     string
	UnionID    string
	SessionKey SessionKey
}

// CodeToSession trades the code of a wx.login call for the user's identity
// (code2Session, GET /sns/jscode2session). A code lives five minutes and
// works once, so whatever the outcome the code is sent to WeChat at most
// once per call, and the caller must not repeat the call with the same code:
// after ErrUnavailable it may have been consumed.
//
// The error is always an *Error whose class is one of the sentinel errors of
// this package. A ctx that ends first yields ErrUnavailable.
func (c *Client) CodeToSession(ctx context.Context, credentials Credentials, code string) (Login, error) {
	if !plausibleCode(code) {
		return Login{}, &Error{Class: ErrBadCode, Reason: "implausible code"}
	}
	return call(ctx, c, "code2Session", credentials.AppID, func(ctx context.Context) (Login, error) {
		body, err := c.get(ctx, "/sns/jscode2session", url.Values{
			"appid":      {credentials.AppID},
			"secret":     {credentials.Secret.Reveal()},
			"js_code":    {code},
			"grant_type": {"authorization_code"},
		})
		if err != nil {
			return Login{}, err
		}
		login, err := parseLogin(body)
		if err == nil && login.SessionKey.Zero() {
			c.logger.LogAttrs(ctx, slog.LevelWarn, c.platform.Name+": code2Session answered no usable session key",
				slog.String("appid", c.platform.printableAppID(credentials.AppID)))
		}
		return login, err
	})
}

// plausibleCode accepts the characters of Base64 in its variants. Codes are
// opaque, but no true one has others, and a text that upsets a gateway must
// not reach it: its answer would be taken for an outage.
func plausibleCode(code string) bool {
	if code == "" || len(code) > maxCode {
		return false
	}
	for _, char := range []byte(code) {
		switch {
		case isAlphanumeric(char):
		case char == '-', char == '_', char == '.', char == '~', char == '+', char == '/', char == '=':
		default:
			return false
		}
	}
	return true
}
