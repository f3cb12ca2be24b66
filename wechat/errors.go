package wechat

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// The classes of errors. Test for them with [errors.Is]; details are in the [Error] that
// wraps them.
var (
	// ErrBadCode means that the code is expired, forged, of the wrong kind or another app's. The
	// user must call wx.login again, or authorize again if the code came from an OAuth page.
	ErrBadCode = errors.New("wechat: code failure")

	// ErrCodeUsed means that the code was already exchanged, by this server or another. It is also
	// an ErrBadCode.
	ErrCodeUsed = fmt.Errorf("%w, already used", ErrBadCode)

	// ErrUserBlocked means that WeChat considers the user high-risk.
	ErrUserBlocked = errors.New("wechat: user blocked")

	// ErrSnapshotUser means that the code belongs to a virtual visitor, not to a person: a page was opened in
	// WeChat's snapshot mode. Nobody can be signed in until the page is opened in full.
	ErrSnapshotUser = errors.New("wechat: a virtual visitor, not a user")

	// ErrStaleKey means that a session key is no longer valid. The user must call
	// wx.login again.
	ErrStaleKey = errors.New("wechat: session key no longer valid")

	// ErrThrottled means that a rate or quota of the app or user is used up.
	ErrThrottled = errors.New("wechat: throttled")

	// ErrUnavailable means that WeChat gave no usable answer in time. The code may have
	// been consumed, so it must not be sent again.
	ErrUnavailable = errors.New("wechat: unavailable")

	// ErrMisconfigured means that the operator's app settings are wrong: AppID,
	// AppSecret, IP allow-list or permissions.
	ErrMisconfigured = errors.New("wechat: app misconfigured")
)

// An Error is a failed call. Its text never contains WeChat's own error text.
type Error struct {
	Class      error         // one of the sentinel errors of this package
	Errcode    int           // WeChat's errcode, 0 if there is none
	RID        string        // WeChat's request id, for its support; may be empty
	RetryAfter time.Duration // how long not to ask WeChat; 0 if unknown
	NotSent    bool          // the request was certainly not sent, so WeChat charged nothing
	Reason     string        // the cause, for operators
	Address    netip.Addr    // this server's address as WeChat saw it, for errcodes 40164 and 61004; may be invalid

	health health // what the failure says about WeChat
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

// outage returns the error of a call that got no usable answer.
func outage(reason string) *Error {
	return &Error{Class: ErrUnavailable, Reason: reason, health: noAnswer}
}

// How long not to ask WeChat. Only the first is documented: code2Session counts a user's
// calls by the minute. When a quota is reset is not documented, so ten minutes merely
// avoid hammering an exhausted one.
const (
	minutePause = time.Minute
	quotaPause  = 10 * time.Minute
	busyPause   = time.Second
)

// maxRID limits WeChat's request id, in bytes.
const maxRID = 64

// refusal turns a non-zero errcode of code2Session into an Error. The errcodes are from
// the table "Error code" in code2Session's documentation, and from WeChat's list of
// global return codes as far as deployments have seen them.
func refusal(errcode int, errmsg string) *Error {
	failure := &Error{Errcode: errcode, RID: requestID(errmsg), Reason: "errcode"}
	switch errcode {
	case 40029, 42003, 41008:
		failure.Class = ErrBadCode
	case 40163:
		failure.Class = ErrCodeUsed
	case 40226:
		failure.Class = ErrUserBlocked
	case 45011:
		failure.Class, failure.RetryAfter = ErrThrottled, minutePause
	case quotaUsedUp:
		failure.Class, failure.RetryAfter = ErrThrottled, quotaPause
	case 40164, 61004:
		failure.Class, failure.Address = ErrMisconfigured, firstAddress(errmsg)
	case 40002, 40013, 40066, 40125, 40243, 41002, 41004, 43002, 44002, 47001, 48001, 48004, 50002, 50004, 50007, 61024:
		failure.Class = ErrMisconfigured
	case -1, -1000:
		failure.Class, failure.RetryAfter, failure.health = ErrUnavailable, busyPause, noAnswer
	default:
		// An unknown errcode neither blames the user nor counts as an outage: WeChat did
		// answer.
		failure.Class = ErrUnavailable
	}
	return failure
}

// requestID finds the id in texts such as "invalid code, rid: 65-1d-5b" and
// "invalid code, hints: [ req_id: Xy12ab ]". It returns "" for anything else, since the result goes into logs and
// error texts.
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

// firstAddress finds this server's address in the text of errcodes 40164 and 61004, such as "invalid
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
