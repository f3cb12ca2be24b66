package wechat

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// The classes of failure. Test for them with [errors.Is]; details are in the
// [Error] that wraps them.
var (
	// ErrBadCode means that the code is expired, forged, of the wrong kind
	// or another app's. The user must call wx.login again, or authorize again
	// where that is how codes come about.
	ErrBadCode = errors.New("wechat: code refused")

	// ErrCodeUsed means that the code was traded before, by whomever. It is
	// also an ErrBadCode.
	ErrCodeUsed = fmt.Errorf("%w, already used", ErrBadCode)

	// ErrUserBlocked means that WeChat holds the user to be high-risk.
	ErrUserBlocked = errors.New("wechat: user blocked")

	// ErrSnapshotUser means that the code is of a virtual visitor, not of a
	// person: a page was opened in WeChat's snapshot mode. There is nobody to
	// sign in until the page is opened in full.
	ErrSnapshotUser = errors.New("wechat: a virtual visitor, not a person")

	// ErrStaleKey means that a session key is not the user's any more. The
	// user must call wx.login again.
	ErrStaleKey = errors.New("wechat: session key not valid any more")

	// ErrThrottled means that a rate or quota of the app or user is used up.
	ErrThrottled = errors.New("wechat: throttled")

	// ErrUnavailable means that WeChat gave no usable answer in time. The
	// code may have been consumed all the same, so it must not be sent again.
	ErrUnavailable = errors.New("wechat: unavailable")

	// ErrMisconfigured means that the operator's app settings are at fault:
	// AppID, AppSecret, IP allow-list or permissions. No user can help it.
	ErrMisconfigured = errors.New("wechat: app misconfigured")
)

// An Error is a failed call. Its text never holds what WeChat wrote, since
// that is not ours to vouch for.
type Error struct {
	Class      error         // one of the sentinel errors of this package
	Errcode    int           // WeChat's number, 0 if it answered none
	RID        string        // WeChat's request id, for its support; may be empty
	RetryAfter time.Duration // how long to leave WeChat alone; 0 if unknown
	NotSent    bool          // the request certainly did not leave, so WeChat charged nothing
	Reason     string        // what happened, in words of ours, for operators
	Address    netip.Addr    // ours as WeChat saw it, with errcode 40164; may be invalid

	health health // what the failure tells about WeChat
}

// Error returns the class with errcode and request id, if there are any.
func (e *Error) Error() string {
	var details []string
	if e.Errcode != 0 {
		details = append(details, fmt.Sprintf("errcode %d", e.Errcode))
	}
	if e.RID != "" {
		details = append(details, "rid "+e.RID)
	}
	if len(details) == 0 {
		return e.Class.Error()
	}
	return fmt.Sprintf("%v (%s)", e.Class, strings.Join(details, ", "))
}

// Unwrap returns the class.
func (e *Error) Unwrap() error { return e.Class }

// outage is the failure of a call that got no usable answer.
func outage(reason string) *Error {
	return &Error{Class: ErrUnavailable, Reason: reason, health: unwell}
}

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
	refused := &Error{Errcode: errcode, RID: requestID(errmsg), Reason: "errcode"}
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
		refused.Class, refused.Address = ErrMisconfigured, firstAddress(errmsg)
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
