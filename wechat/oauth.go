package wechat

import (
	"context"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
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
		return &Error{Class: ErrSnapshotUser, Reason: "snapshot mode"}
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

const (
	maxNickname = 128 // characters
	maxPicture  = 512 // bytes
)

// A Profile is what WeChat says of a person. None of it is verified: people
// write what they like, and WeChat may answer its grey placeholders. What is
// odd is left out.
type Profile struct {
	Nickname string // at most 128 characters, none of which is a control
	Picture  string // an https URL of at most 512 bytes
	Gender   string // "male", "female" or ""
	UnionID  string // as in [OAuthLogin], where it may have been missing
}

// profileClasses are the numbers that mean something else here than where a
// code is traded. There is no code that could be bad. 48001 comes, besides from
// an app that may not ask, when the person has taken the consent back, which no
// operator can help.
func profileClasses() map[int]error {
	return map[int]error{
		40029: ErrUnavailable, 42003: ErrUnavailable, 41008: ErrUnavailable, 40163: ErrUnavailable,
		48001: ErrUnavailable,
	}
}

// OAuthProfile asks for the profile of whoever just signed in (GET
// /sns/userinfo). The login stands whether or not there is one, so to its
// caller any error means that there is no profile. It is ErrUnavailable without
// a call if the person did not let the app see it.
func (c *Client) OAuthProfile(ctx context.Context, appID string, login OAuthLogin) (Profile, error) {
	if !login.TellsProfile() {
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

// parseProfile takes a profile only if it is of the very person of the login:
// a union id decides which accounts are one user's.
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

// nobody is what WeChat calls everybody since 2022, under a grey picture.
const nobody = "微信用户"

func newProfile(nickname, picture string, sex int) Profile {
	if nickname == nobody {
		nickname, picture = "", ""
	}
	return Profile{Nickname: cleanNickname(nickname), Picture: cleanPicture(picture), Gender: genderOf(sex)}
}

// Profile returns what a UserInfo says of the person. Its union id is left out:
// it is the text of somebody's phone.
func (u *UserInfo) Profile() Profile { return newProfile(u.NickName, u.AvatarURL, int(u.Gender)) }

// cleanNickname returns the name without what would move or hide the text around
// it. Invalid UTF-8 and halves of surrogate pairs have become U+FFFD by then.
func cleanNickname(text string) string {
	if strings.ContainsRune(text, utf8.RuneError) {
		return ""
	}
	text = strings.TrimSpace(strings.Map(func(char rune) rune {
		if unicode.In(char, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point) {
			return -1
		}
		return char
	}, text))
	if utf8.RuneCountInString(text) > maxNickname {
		return ""
	}
	return text
}

// cleanPicture returns the address of the picture. WeChat writes http, and serves
// https as well. An http address with a port cannot be turned into the other.
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

// genderOf returns OpenID's word for WeChat's number.
func genderOf(sex int) string {
	switch sex {
	case 1:
		return "male"
	case 2:
		return "female"
	}
	return ""
}
