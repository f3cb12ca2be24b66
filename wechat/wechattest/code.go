package wechattest

import (
	"encoding/hex"
	"errors"
	"time"
)

// codeLife is how long codes of both kinds live.
const codeLife = 5 * time.Minute

type codeKind int

const (
	loginCode codeKind = iota
	phoneCode
)

type code struct {
	kind    codeKind
	appID   string
	user    string
	expires time.Time
	used    bool
}

// MintCode returns what wx.login would return to the app's mini-program in
// the user's hands: 32 letters and digits that live five minutes.
func (s *Simulator) MintCode(appID, user string) (string, error) {
	return s.mint(loginCode, appID, user)
}

// MintPhoneCode returns what the button getPhoneNumber would return: 64
// hexadecimal digits that live five minutes.
func (s *Simulator) MintPhoneCode(appID, user string) (string, error) {
	return s.mint(phoneCode, appID, user)
}

func (s *Simulator) mint(kind codeKind, appID, user string) (string, error) {
	if user == "" {
		return "", errors.New("user: must not be empty")
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, err := s.app(appID); err != nil {
		return "", err
	}
	now := s.now()
	s.codes.dropWhile(func(old *code) bool { return now.Sub(old.expires) > codeLife })
	text := s.alphanumeric(32)
	if kind == phoneCode {
		text = hex.EncodeToString(s.bytes(32))
	}
	s.codes.put(text, &code{kind: kind, appID: appID, user: user, expires: now.Add(codeLife)})
	return text, nil
}

// lookUp returns a live, unused code of the kind, or the errcode that WeChat
// answers instead.
func (s *Simulator) lookUp(kind codeKind, appID, text string) (*code, int) {
	found, known := s.codes.get(text)
	if !known || found.kind != kind || found.appID != appID {
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

func (s *Simulator) bytes(count int) []byte {
	drawn := make([]byte, count)
	_, _ = s.random.Read(drawn)
	return drawn
}

func (s *Simulator) alphanumeric(count int) string {
	const alphabet = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	text := s.bytes(count)
	for i, drawn := range text {
		text[i] = alphabet[int(drawn)%len(alphabet)]
	}
	return string(text)
}
