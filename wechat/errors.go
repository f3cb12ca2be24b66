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

	reason  string     // what happened, in words of ours, for the log
	address netip.Addr // our address as WeChat saw it, with errcode 40164
	health  health     // what the failure tells about WeChat
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
	return &Error{Class: ErrUnavailable, reason: reason, health: unwell}
}
