package wechattest

import (
	"errors"
	"fmt"
	"net/http"
)

// maxFaults bounds the faults that wait for their turn.
const maxFaults = 1 << 10

// A Fault is how the next requests fail. Several properties may be combined;
// a fault that has only a delay is a slow success.
type Fault struct {
	Path        string `json:"path"`         // the only path it strikes; empty: any
	Count       int    `json:"count"`        // how many requests it strikes; default 1
	Consume     bool   `json:"consume"`      // do the work first, such as consuming the code, then fail
	DelayMS     int    `json:"delay_ms"`     // milliseconds before answering, or between the bytes of a "trickle"
	Errcode     int    `json:"errcode"`      // answer this failure
	Errmsg      string `json:"errmsg"`       // instead of WeChat's usual text for it
	Drop        bool   `json:"drop"`         // close the connection instead of answering
	Status      int    `json:"status"`       // HTTP status, default 200
	ContentType string `json:"content_type"` // instead of the usual one
	Redirect    string `json:"redirect"`     // Location; the status is 302 unless set
	Text        string `json:"text"`         // the literal body
	// Body spoils the true answer, whose work is thus done: "truncated" (half
	// of it), "cut" (half of it, then the connection breaks), "empty_openid",
	// "trickle" (byte by byte), "huge" and "gzip" (an endless one, the latter
	// compressed). "html" and "empty" need no true answer.
	Body string `json:"body"`
}

// A faultQueue keeps the faults that wait for their turn.
type faultQueue struct {
	*platform
	faults []Fault
}

// Fail orders faults. They strike in the order in which they were ordered.
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

// Heal forgets the faults that have not struck yet.
func (s *faultQueue) Heal() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.faults = nil
}

func (f Fault) validate() error {
	switch f.Body {
	case "", "truncated", "cut", "empty_openid", "trickle", "huge", "gzip", "html", "empty":
	default:
		return fmt.Errorf("body: %q is not known", f.Body)
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
		struck := *fault
		fault.Count--
		if fault.Count <= 0 {
			s.faults = append(s.faults[:i], s.faults[i+1:]...)
		}
		return struck, true
	}
	return Fault{}, false
}

// needsAnswer reports whether what is written derives from the true answer.
func (f Fault) needsAnswer() bool {
	switch f.Body {
	case "html", "empty":
		return false
	case "":
		return f.Errcode == 0 && f.Text == "" && f.Redirect == "" && (f.Status == 0 || f.Status == http.StatusOK)
	}
	return true
}
