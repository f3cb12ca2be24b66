package wechattest

import (
	"errors"
	"fmt"
	"net/http"
)

// maxFaults limits the pending faults.
const maxFaults = 1 << 10

// A Fault makes the next requests fail. Several properties may be combined; a fault with
// only a delay is a slow success.
type Fault struct {
	Path        string `json:"path"`         // the only path it applies to; empty: any
	Count       int    `json:"count"`        // the number of requests; default 1
	Consume     bool   `json:"consume"`      // do the work first, such as consuming the code, then fail
	DelayMS     int    `json:"delay_ms"`     // milliseconds before answering, or between the bytes of a "trickle"
	Errcode     int    `json:"errcode"`      // answer with this errcode
	Errmsg      string `json:"errmsg"`       // instead of WeChat's usual text for it
	Drop        bool   `json:"drop"`         // close the connection instead of answering
	Status      int    `json:"status"`       // HTTP status, default 200
	ContentType string `json:"content_type"` // instead of the usual one
	Redirect    string `json:"redirect"`     // Location; the status is 302 unless set
	Text        string `json:"text"`         // the literal body
	// Body modifies the regular answer, after the work was done: "truncated" (half of it),
	// "cut" (half of it, then the connection breaks), "empty_openid", "trickle" (byte by
	// byte), "huge" and "gzip" (an endless one, the latter compressed). "html" and "empty"
	// replace the answer.
	Body string `json:"body"`
}

// A faultQueue keeps the pending faults.
type faultQueue struct {
	*platform
	faults []Fault
}

// Fail adds faults. They are applied in the order in which they were added.
func (s *faultQueue) Fail(faults ...Fault) error {
	for _, fault := range faults {
		if err := fault.validate(); err != nil {
			return err
		}
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if len(s.faults)+len(faults) > maxFaults {
		return fmt.Errorf("more than %d faults are waiting", maxFaults)
	}
	s.faults = append(s.faults, faults...)
	return nil
}

// Heal removes the pending faults.
func (s *faultQueue) Heal() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults = nil
}

func (f Fault) validate() error {
	switch f.Body {
	case "", "truncated", "cut", "empty_openid", "trickle", "huge", "gzip", "html", "empty":
	default:
		return fmt.Errorf("body: unknown body %q", f.Body)
	}
	if f.Count < 0 || f.DelayMS < 0 {
		return errors.New("count and delay_ms must not be negative")
	}
	if f.Status != 0 && (f.Status < 200 || f.Status > 599) {
		return errors.New("status: must be from 200 to 599")
	}
	return nil
}

func (s *faultQueue) nextFault(path string) (Fault, bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for i := range s.faults {
		fault := &s.faults[i]
		if fault.Path != "" && fault.Path != path {
			continue
		}
		next := *fault
		fault.Count--
		if fault.Count <= 0 {
			s.faults = append(s.faults[:i], s.faults[i+1:]...)
		}
		return next, true
	}
	return Fault{}, false
}

// needsAnswer reports whether the fault modifies the regular answer.
func (f Fault) needsAnswer() bool {
	switch f.Body {
	case "html", "empty":
		return false
	case "":
		return f.Errcode == 0 && f.Text == "" && f.Redirect == "" && (f.Status == 0 || f.Status == http.StatusOK)
	}
	return true
}
