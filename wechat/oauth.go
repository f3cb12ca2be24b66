package wechat

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
)

// An OAuthLogin is the user that a code of an official account, a website or a mobile app
// identifies. The ids are as in [Login]: at another app of the same Open Platform account,
// including a mini-program, the unionid is the same and the openid differs. The user's
// access token is only for [Client.OAuthProfile]. The refresh token is dropped at once,
// since it would give access to the profile for a month, while the user consented to a
// sign-in.
type OAuthLogin struct {
	OpenID  string
	UnionID string

	// A pointer, since fmt calls no methods on unexported fields: it would print the
	// text of a Secret, but it prints only the address of a pointer.
	accessToken *Secret // nil: WeChat returned no valid one
	scope       []string
}

// AllowsProfile reports whether the user let the app read the profile.
func (l OAuthLogin) AllowsProfile() bool {
	return l.accessToken != nil && (slices.Contains(l.scope, "snsapi_userinfo") ||
		slices.Contains(l.scope, "snsapi_login"))
}

// OAuthCode exchanges the code with which WeChat redirected a browser or a mobile app for
// the user's identity (GET /sns/oauth2/access_token). A code can be used once, within five
// or ten minutes. As with [Client.CodeToSession] it is
// sent to WeChat at most once per call, and after ErrUnavailable it may have
// been consumed. A code of a virtual visitor yields ErrSnapshotUser.
//
// The error is always an *Error whose class is one of the sentinel errors of
// this package. A ctx that ends first yields ErrUnavailable.
func (c *Client) OAuthCode(ctx context.Context, credentials Credentials, code string) (OAuthLogin, error) {
	if !PlausibleCode(code) {
		return OAuthLogin{}, &Error{Class: ErrBadCode, Reason: "implausible code"}
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
				c.platform.Name+": snsAccessToken returned no usable token of the user",
				slog.String("appid", c.platform.printableAppID(credentials.AppID)))
		}
		return login, err
	})
}

func parseOAuthLogin(body []byte) (OAuthLogin, error) {
	members, err := parseAnswer(body, exchangeClasses())
	if err != nil {
		return OAuthLogin{}, err
	}
	if err := members.rejectSnapshot(); err != nil {
		return OAuthLogin{}, err
	}
	openID, unionID, err := members.person()
	if err != nil {
		return OAuthLogin{}, err
	}
	token, scope := members.userToken()
	return OAuthLogin{OpenID: openID, UnionID: unionID, accessToken: token, scope: scope}, nil
}

// rejectSnapshot rejects a virtual visitor, and anything that might be one. Otherwise it would get an
// account, and another one at the next visit.
func (o object) rejectSnapshot() error {
	virtual, err := o.integer("is_snapshotuser")
	switch {
	case err != nil || virtual != 0 && virtual != 1:
		return outage("malformed is_snapshotuser")
	case virtual == 1:
		return &Error{Class: ErrSnapshotUser, Reason: "snapshot mode"}
	}
	return nil
}

// userToken returns the token of a login and its scope, or nil if either is malformed: like
// the session key, it is not needed to sign the user in.
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

const (
	maxNickname = 128 // characters
	maxPicture  = 512 // bytes
)

// A Profile is a user's profile at WeChat. None of it is verified: users enter what they
// like, and WeChat may return placeholders. Invalid values are left out.
type Profile struct {
	Nickname string // at most 128 characters, without control characters
	Picture  string // an https URL of at most 512 bytes
	Gender   string // "male", "female" or ""
	UnionID  string // as in [OAuthLogin], where it may have been missing
}

// profileClasses are the errcodes that mean something else here than when a code is
// exchanged. There is no code that could be invalid. 48001 means that the app may not ask,
// or that the user revoked the consent, which no operator can fix.
func profileClasses() map[int]error {
	return map[int]error{
		40029: ErrUnavailable, 42003: ErrUnavailable, 41008: ErrUnavailable, 40163: ErrUnavailable,
		48001: ErrUnavailable,
	}
}

// OAuthProfile requests the profile of a user who just signed in (GET /sns/userinfo). The
// login is valid without it, so any error just means that there is no profile. It returns
// ErrUnavailable without a call if the user did not let the app read the profile.
func (c *Client) OAuthProfile(ctx context.Context, appID string, login OAuthLogin) (Profile, error) {
	if !login.AllowsProfile() {
		return Profile{}, &Error{Class: ErrUnavailable, Reason: "no scope for a profile"}
	}
	return call(ctx, c, "snsUserInfo", appID, func(ctx context.Context) (Profile, error) {
		body, err := c.get(ctx, "/sns/userinfo", withToken(*login.accessToken, url.Values{"openid": {login.OpenID},
			"lang": {"zh_CN"}}))
		if err != nil {
			return Profile{}, err
		}
		return parseProfile(body, login)
	})
}

// parseProfile accepts only the profile of the user of the login: a unionid decides which
// accounts belong to the same user.
func parseProfile(body []byte, login OAuthLogin) (Profile, error) {
	members, err := parseAnswer(body, profileClasses())
	if err != nil {
		return Profile{}, err
	}
	openID, unionID, err := members.person()
	switch {
	case err != nil:
		return Profile{}, err
	case openID != login.OpenID:
		return Profile{}, outage("profile of another user")
	case unionID != "" && login.UnionID != "" && unionID != login.UnionID:
		return Profile{}, outage("unionid of another user")
	}
	nickname, _ := members.text("nickname")
	picture, _ := members.text("headimgurl")
	sex, _ := members.integer("sex")
	profile := newProfile(nickname, picture, sex)
	profile.UnionID = unionID
	return profile, nil
}

// placeholderNickname is the nickname that WeChat has returned for everybody since 2022, with a
// grey picture.
const placeholderNickname = "微信用户"

func newProfile(nickname, picture string, sex int) Profile {
	if nickname == placeholderNickname {
		nickname, picture = "", ""
	}
	return Profile{Nickname: cleanNickname(nickname), Picture: cleanPicture(picture), Gender: genderOf(sex)}
}

// Profile returns the profile in a UserInfo. Its unionid is left out, since it comes from
// the user's phone.
func (u *UserInfo) Profile() Profile { return newProfile(u.NickName, u.AvatarURL, int(u.Gender)) }

// cleanPicture returns the https URL of the picture, or "". WeChat returns http URLs but
// serves https as well. An http URL with a port cannot be converted.
func cleanPicture(text string) string {
	if !plausibleText(text, maxPicture) || strings.ContainsAny(text, "\"<>\\^`{|}") {
		return ""
	}
	address, err := url.Parse(text)
	if err != nil || address.Hostname() == "" || address.User != nil {
		return ""
	}
	switch {
	case address.Scheme == "http" && address.Port() == "":
		address.Scheme = "https"
	case address.Scheme != "https":
		return ""
	}
	if text = address.String(); len(text) > maxPicture {
		return ""
	}
	return text
}

// genderOf returns OpenID Connect's value for WeChat's number.
func genderOf(sex int) string {
	switch sex {
	case 1:
		return "male"
	case 2:
		return "female"
	}
	return ""
}
