package wechat

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// An OAuthLogin is who a code of an official account, a website or a mobile
// app stands for. The ids are as in [Login]; at another app of the same Open
// Platform account, a mini-program too, the union id is the same and the openid
// is not. What else WeChat answers stays inside: the user's access token is for
// [Client.OAuthProfile] alone, and the refresh token is dropped at once, since
// whoever had it could ask for a month what the person said yes to for a login.
type OAuthLogin struct {
	OpenID  string
	UnionID string

	// A pointer, since fmt calls no methods on unexported fields: there it
	// would print the text of a Secret, but of a pointer where it points.
	accessToken *Secret // nil: WeChat answered none that can be one
	scope       []string
}

// TellsProfile says whether the person let the app see the profile.
func (l OAuthLogin) TellsProfile() bool {
	return l.accessToken != nil && (slices.Contains(l.scope, "snsapi_userinfo") ||
		slices.Contains(l.scope, "snsapi_login"))
}

// OAuthCode trades the code with which WeChat sent a browser or a mobile app
// back for the user's identity (GET /sns/oauth2/access_token). A code works
// once and lives five or ten minutes, so as with [Client.CodeToSession] it is
// sent to WeChat at most once per call, and after ErrUnavailable it may have
// been consumed. A code of a virtual visitor is ErrSnapshotUser.
//
// The error is always an *Error whose class is one of the sentinel errors of
// this package. A ctx that ends first yields ErrUnavailable.
func (c *Client) OAuthCode(ctx context.Context, credentials Credentials, code string) (OAuthLogin, error) {
	if !plausibleCode(code) {
		return OAuthLogin{}, &Error{Class: ErrBadCode, reason: "implausible code"}
	}
	return call(ctx, c, "snsAccessToken", credentials.AppID, func(ctx context.Context) (OAuthLogin, error) {
		body, err := c.get(ctx, "/sns/oauth2/access_token", url.Values{
			"appid":      {credentials.AppID},
			"secret":     {credentials.Secret.Reveal()},
			"code":       {code},
			"grant_type": {"authorization_code"},
		})
		if err != nil {
			return OAuthLogin{}, err
		}
		login, err := parseOAuthLogin(body)
		if err == nil && login.accessToken == nil {
			c.logger.LogAttrs(ctx, slog.LevelWarn,
				c.platform.Name+": snsAccessToken answered no usable token of the user",
				slog.String("appid", c.platform.printableAppID(credentials.AppID)))
		}
		return login, err
	})
}

func parseOAuthLogin(body []byte) (OAuthLogin, error) {
	members, err := parseAnswer(body, map[int]error{50004: ErrMisconfigured, 50007: ErrMisconfigured})
	if err != nil {
		return OAuthLogin{}, err
	}
	if err := members.refuseSnapshot(); err != nil {
		return OAuthLogin{}, err
	}
	openID, unionID, err := members.person()
	if err != nil {
		return OAuthLogin{}, err
	}
	token, scope := members.userToken()
	return OAuthLogin{OpenID: openID, UnionID: unionID, accessToken: token, scope: scope}, nil
}

// refuseSnapshot lets nobody in of whom it is not certain that it is a person.
// Else a virtual visitor would have an account, and come back as another one.
func (o object) refuseSnapshot() error {
	virtual, err := o.integer("is_snapshotuser")
	switch {
	case err != nil || virtual != 0 && virtual != 1:
		return outage("malformed is_snapshotuser")
	case virtual == 1:
		return &Error{Class: ErrSnapshotUser, reason: "snapshot mode"}
	}
	return nil
}

// userToken returns the token of a login and what it is good for, or nothing if
// either is odd: as with a session key, who signed in is certain without it.
func (o object) userToken() (*Secret, []string) {
	text, err := o.text("access_token")
	if err != nil || !plausibleText(text, maxAppToken) {
		return nil, nil
	}
	scope, err := o.text("scope")
	if err != nil {
		return nil, nil
	}
	token := Secret(text)
	return &token, strings.Split(scope, ",")
}
