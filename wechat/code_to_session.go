package wechat

import (
	"context"
	"log/slog"
	"net/url"
)

// maxCode limits a login code, in bytes. WeChat's have 32.
const maxCode = 512

// Credentials identify an app to WeChat.
type Credentials struct {
	AppID  string
	Secret Secret
}

// A Login is the user that a code identifies. An openid identifies a person at one app
// only. The unionid, empty unless the app is bound to an Open Platform account,
// identifies the person at all apps of that account; it may appear or change later. The
// session key is for a [Vault]; it is zero if WeChat returned no valid one.
type Login struct {
	OpenID     string
	UnionID    string
	SessionKey SessionKey
}

// CodeToSession exchanges the code of a wx.login call for the user's identity
// (code2Session, GET /sns/jscode2session). A code is valid for five minutes and can be
// used once, so it is sent to WeChat at most once per call whatever the outcome, and
// the caller must not repeat the call with the same code: after ErrUnavailable it may
// have been consumed.
//
// The error is always an *Error whose class is one of the sentinel errors of
// this package. A ctx that ends first yields ErrUnavailable.
func (c *Client) CodeToSession(ctx context.Context, credentials Credentials, code string) (Login, error) {
	if !PlausibleCode(code) {
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
			c.logger.LogAttrs(ctx, slog.LevelWarn, c.platform.Name+": code2Session returned no usable session key",
				slog.String("appid", c.platform.printableAppID(credentials.AppID)))
		}
		return login, err
	})
}

// PlausibleCode reports whether a text can be a code of WeChat or QQ. Others are never sent.
//
// It accepts the characters of all variants of Base64. Codes are opaque,
// but real ones have no others, and a text that makes a gateway fail must not reach it:
// the failure would count as an outage.
func PlausibleCode(code string) bool {
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
