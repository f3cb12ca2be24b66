package wechattest

import (
	"encoding/json"
	"maps"
	"strings"
	"time"
)

// A quota limits the calls of a kind in a window of time.
type quota struct {
	limit  int
	window time.Duration
}

func perMinute(limit int) quota { return quota{limit, time.Minute} }
func perDay(limit int) quota    { return quota{limit, 24 * time.Hour} }

type counter struct {
	start time.Time
	calls int
}

// allow counts a call and reports whether it is within its quota.
func (s *platform) allow(of quota, kind ...string) bool {
	key := strings.Join(append(kind, of.window.String()), "\x00")
	now := s.now()
	current, found := s.counters.get(key)
	if !found || now.Sub(current.start) >= of.window {
		current = &counter{start: now}
		s.counters.put(key, current)
	}
	if current.calls >= of.limit {
		return false
	}
	current.calls++
	return true
}

// A requestLog counts the requests of the simulator.
type requestLog struct {
	*platform
	paths *limitedMap[string, int]
	asked *limitedMap[string, int]
}

// Requests is the number of requests, including failed ones.
type Requests struct {
	Paths map[string]int `json:"paths"`
	Codes map[string]int `json:"codes"` // by login, phone-number or OAuth code
}

// Requests returns the number of requests so far.
func (s *requestLog) Requests() Requests {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return Requests{Paths: maps.Clone(s.paths.values), Codes: maps.Clone(s.asked.values)}
}

func (s *requestLog) count(received call) {
	text := received.query.Get("js_code") + received.query.Get("code") // no call has both
	if text == "" {
		var body struct{ Code string }
		_ = json.Unmarshal(received.body, &body)
		text = body.Code
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	asked, _ := s.paths.get(received.path)
	s.paths.put(received.path, asked+1)
	if text != "" {
		asked, _ = s.asked.get(text)
		s.asked.put(text, asked+1)
	}
}
