package wechat

import (
	"errors"
	"sync"
	"time"
)

// limitedCalls is how many calls in a row must be answered 45011 before an app is paused. There is a limit of a user by
// the minute, too: a few such answers may be the work of one user, who must not keep the others out.
const limitedCalls = 10

// quotaUsedUp is the errcode for the quota of an app, which is by the day.
const quotaUsedUp = 45009

// A pauser remembers for which calls an app has used up its quota, so that WeChat is not asked again in vain, and no
// code is sent to it. It is safe for concurrent use.
type pauser struct {
	now func() time.Time

	mutex  sync.Mutex
	pauses map[pausedCall]pause
}

type pausedCall struct{ api, appID string }

type pause struct {
	limited int       // answers 45011 in a row
	until   time.Time // zero: not paused
	errcode int
}

func newPauser() *pauser {
	return &pauser{now: time.Now, pauses: map[pausedCall]pause{}}
}

// check returns ErrThrottled with the time that is left if a call is paused.
func (p *pauser) check(call pausedCall) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	known, found := p.pauses[call]
	left := known.until.Sub(p.now())
	if !found || left <= 0 {
		return nil
	}
	return &Error{Class: ErrThrottled, Errcode: known.errcode, RetryAfter: left, NotSent: true, Reason: "paused"}
}

// learn remembers the result of a call.
func (p *pauser) learn(call pausedCall, err error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	failed, _ := errors.AsType[*Error](err)
	switch {
	case err == nil, errors.Is(err, ErrBadCode): // WeChat did what it was asked to do
		delete(p.pauses, call)
	case failed != nil && errors.Is(err, ErrThrottled):
		known := p.pauses[call]
		known.limited++
		if failed.Errcode == quotaUsedUp || known.limited >= limitedCalls {
			known.until, known.errcode = p.now().Add(failed.RetryAfter), failed.Errcode
		}
		p.pauses[call] = known
	}
}
