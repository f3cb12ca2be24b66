package wechattest

import (
	"encoding/hex"
	"errors"
	"fmt"
	"time"
)

// The lifetimes of codes. Codes of websites and mobile apps are valid for longer than others.
const (
	codeLifetime     = 5 * time.Minute
	longCodeLifetime = 10 * time.Minute
)

type codeKind int

const (
	loginCode codeKind = iota
	phoneCode
	oauthCode
)

type code struct {
	kind    codeKind
	appID   string
	user    string
	expires time.Time
	used    bool

	// Only for kind oauthCode:
	scope    string
	snapshot bool
}

// A codeStore keeps the codes of all kinds.
type codeStore struct {
	*platform
	codes *limitedMap[string, *code]
}

// MintCode returns a code as wx.login would return it to the app's mini-program for the
// user: 32 letters and digits, valid for five minutes.
func (s *codeStore) MintCode(appID, user string) (string, error) {
	return s.mint(code{kind: loginCode, appID: appID, user: user})
}

// MintPhoneCode returns a code as the button getPhoneNumber would return it: 64 hexadecimal
// digits, valid for five minutes.
func (s *codeStore) MintPhoneCode(appID, user string) (string, error) {
	return s.mint(code{kind: phoneCode, appID: appID, user: user})
}

func (s *codeStore) mint(minted code) (string, error) {
	if minted.user == "" {
		return "", errors.New("user: must not be empty")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	known, err := s.app(minted.appID)
	switch {
	case err != nil:
		return "", err
	case !known.has(minted.kind):
		return "", fmt.Errorf("appid: the kind of app %q has no such codes", minted.appID)
	}
	now := s.now()
	s.codes.dropWhile(func(old *code) bool { return now.Sub(old.expires) > codeLifetime })
	text := s.alphanumeric(32)
	if minted.kind == phoneCode {
		text = hex.EncodeToString(s.bytes(32))
	}
	minted.expires = now.Add(known.codeLifetime())
	s.codes.put(text, &minted)
	return text, nil
}

// lookUp returns a valid, unused code of the kind, or WeChat's errcode. The errcode for an
// app of another kind is not documented. Such an app has no code of this kind, so it gets
// 40029, as for a code of another app.
func (s *codeStore) lookUp(kind codeKind, appID, text string) (*code, int) {
	found, known := s.codes.get(text)
	if !known || found.kind != kind || found.appID != appID {
		return nil, 40029
	}
	if owner, err := s.app(appID); err != nil || !owner.has(kind) {
		return nil, 40029
	}
	expired := !s.now().Before(found.expires)
	switch {
	case found.used && expired && s.variant.UsedThenExpired != 0:
		return nil, s.variant.UsedThenExpired
	case expired:
		return nil, 40029
	case found.used:
		return nil, 40163
	}
	return found, 0
}

func (s *platform) bytes(count int) []byte {
	drawn := make([]byte, count)
	_, _ = s.random.Read(drawn)
	return drawn
}

func (s *platform) alphanumeric(count int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	text := s.bytes(count)
	for i, drawn := range text {
		text[i] = alphabet[int(drawn)%len(alphabet)]
	}
	return string(text)
}
