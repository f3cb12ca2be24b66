package wechat

import (
	"context"
	"net/url"
	"strings"
	"unicode"
	"unicode/utf8"
)

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
		return Profile{}, &Error{Class: ErrUnavailable, reason: "no scope for a profile"}
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
