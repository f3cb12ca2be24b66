package wechat

import (
	"net/netip"
	"strings"
	"time"
)

// How long to leave WeChat alone. Only the first is documented: code2Session
// counts a user's calls by the minute. When a quota starts anew is not, so
// ten minutes merely keep an exhausted one from being hammered.
const (
	minutePause = time.Minute
	quotaPause  = 10 * time.Minute
	busyPause   = time.Second
)

// maxRID is the longest request id that we repeat, in bytes.
const maxRID = 64

// refusal turns a non-zero errcode of code2Session into an Error. The numbers
// are those of the table "Error code" in code2Session's documentation, and of
// WeChat's list of global return codes where deployments have met others.
func refusal(errcode int, errmsg string) *Error {
	refused := &Error{Errcode: errcode, RID: requestID(errmsg), reason: "errcode"}
	switch errcode {
	case 40029, 42003, 41008:
		refused.Class = ErrBadCode
	case 40163:
		refused.Class = ErrCodeUsed
	case 40226:
		refused.Class = ErrUserBlocked
	case 45011:
		refused.Class, refused.RetryAfter = ErrThrottled, minutePause
	case 45009:
		refused.Class, refused.RetryAfter = ErrThrottled, quotaPause
	case 40164:
		refused.Class, refused.address = ErrMisconfigured, firstAddress(errmsg)
	case 40002, 40013, 40125, 40243, 41002, 41004, 43002, 44002, 47001, 48001, 50002:
		refused.Class = ErrMisconfigured
	case -1, -1000:
		refused.Class, refused.RetryAfter, refused.health = ErrUnavailable, busyPause, unwell
	default:
		// An unknown number is no reason to blame the user, nor one to stop
		// asking for other apps: WeChat did answer.
		refused.Class = ErrUnavailable
	}
	return refused
}

// requestID finds the id in texts such as "invalid code, rid: 65-1d-5b" and
// "invalid code, hints: [ req_id: Xy12ab ]". It returns "" for anything that
// does not look like one, as the result goes into logs and error texts.
func requestID(errmsg string) string {
	words := splitWords(errmsg)
	for i, word := range words {
		id, found := strings.CutPrefix(word, "rid:")
		if !found {
			id, found = strings.CutPrefix(word, "req_id:")
		}
		if !found {
			continue
		}
		if id == "" && i+1 < len(words) {
			id = words[i+1]
		}
		if validRID(id) {
			return id
		}
	}
	return ""
}

func validRID(id string) bool {
	if id == "" || len(id) > maxRID {
		return false
	}
	for _, char := range []byte(id) {
		if !isAlphanumeric(char) && char != '-' && char != '_' {
			return false
		}
	}
	return true
}

// firstAddress finds our own address in the text of errcode 40164, "invalid
// ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist", which is what
// the operator has to enter in WeChat's console.
func firstAddress(errmsg string) netip.Addr {
	for _, word := range splitWords(errmsg) {
		if address, err := netip.ParseAddr(word); err == nil {
			return address.WithZone("")
		}
	}
	return netip.Addr{}
}

func splitWords(text string) []string {
	return strings.FieldsFunc(text, func(char rune) bool {
		return strings.ContainsRune(" \t,[]", char)
	})
}

func isAlphanumeric(char byte) bool {
	return '0' <= char && char <= '9' || 'a' <= char && char <= 'z' || 'A' <= char && char <= 'Z'
}
