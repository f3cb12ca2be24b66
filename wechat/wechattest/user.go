package wechattest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
)

// A User is a person with a WeChat account, the same at all apps. Users need no registration: an
// unknown name is a low-risk user with a phone number that is derived from the name. Nickname,
// picture and sex are for /sns/userinfo; mini-programs have not received them since 2021.
type User struct {
	User        string `json:"user"`
	HighRisk    bool   `json:"high_risk"`              // logins answer 40226
	CountryCode string `json:"country_code,omitempty"` // default "86"
	PhoneNumber string `json:"phone_number,omitempty"` // without country code
	Nickname    string `json:"nickname,omitempty"`     // default: the name
	HeadImgURL  string `json:"headimgurl,omitempty"`   // default: a URL that is derived from the name
	Sex         int    `json:"sex,omitempty"`          // 1 male, 2 female, 0 unknown
}

// SetUser changes the data of a user.
func (s *platform) SetUser(user User) error {
	if user.User == "" {
		return errors.New("user: must not be empty")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.users.put(user.User, user)
	return nil
}

func (s *platform) user(name string) User {
	user, _ := s.users.get(name)
	user.User = name
	if user.CountryCode == "" {
		user.CountryCode = "86"
	}
	if user.PhoneNumber == "" {
		digest := sha256.Sum256([]byte("phone\x00" + name))
		user.PhoneNumber = fmt.Sprintf("138%08d", binary.BigEndian.Uint64(digest[:])%1e8)
	}
	if user.Nickname == "" {
		user.Nickname = name
	}
	if user.HeadImgURL == "" { // an http URL, as WeChat returns it
		user.HeadImgURL = "http://thirdwx.qlogo.cn/mmopen/vi_32/" + identifier("picture", name) + "/132"
	}
	return user
}

// OpenID returns the openid of a user at an app. It depends on nothing else, so users
// keep theirs when a simulator is restarted.
func OpenID(appID, user string) string { return identifier("openid", appID, user) }

// UnionID returns the unionid of a user at an Open Platform account.
func UnionID(openPlatform, user string) string { return identifier("unionid", openPlatform, user) }

// identifier returns an id in WeChat's form: 28 characters that begin with "o".
func identifier(parts ...string) string {
	digest := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return "o" + base64.RawURLEncoding.EncodeToString(digest[:])[:27]
}
