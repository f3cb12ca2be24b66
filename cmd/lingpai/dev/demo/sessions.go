package demo

import (
	"crypto/rand"
	"slices"
	"sync"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
)

const (
	maxSessions = 20
	maxAttempts = 5 // sign-ins of one browser that have begun, in several tabs
)

// session is what the site knows about a browser.
type session struct {
	attempts []attempt // the oldest first
	tokens   *tokens   // nil: nobody has signed in yet
	outcome  devpages.Outcome
	used     int // the number of the last use
}

// attempt is a sign-in that has begun.
type attempt struct {
	state, nonce, verifier string
	locales                devpages.Locales // of the page that it began on
}

// sessions are the sessions of all browsers. A new one takes the place of the one that was not used for the longest
// time.
type sessions struct {
	mutex sync.Mutex
	byID  map[string]*session
	uses  int
}

// find returns a session as it is now.
func (s *sessions) find(id string) (session, bool) {
	var found session
	ok := s.change(id, func(session *session) { found = *session })
	return found, ok
}

// change changes a session. It returns false if there is none.
func (s *sessions) change(id string, do func(*session)) bool {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	session, found := s.byID[id]
	if found {
		s.uses++
		session.used = s.uses
		do(session)
	}
	return found
}

// remember adds an attempt to a session, or to a new one. It returns the session's id.
func (s *sessions) remember(id string, a attempt) string {
	if s.change(id, func(session *session) {
		session.attempts = append(session.attempts, a)
		session.attempts = session.attempts[max(0, len(session.attempts)-maxAttempts):]
	}) {
		return id
	}
	return s.add(session{attempts: []attempt{a}})
}

// attempt returns the attempt with a state.
func (s *sessions) attempt(id, state string) (attempt, bool) {
	session, _ := s.find(id)
	n := slices.IndexFunc(session.attempts, func(a attempt) bool { return a.state == state })
	if n < 0 {
		return attempt{}, false
	}
	return session.attempts[n], true
}

// take removes an attempt. It returns false if that was done already.
func (s *sessions) take(id string, a attempt) (taken bool) {
	s.change(id, func(session *session) {
		rest := slices.DeleteFunc(slices.Clone(session.attempts), func(other attempt) bool { return other == a })
		taken = len(rest) < len(session.attempts)
		session.attempts = rest
	})
	return taken
}

// signedIn keeps the tokens of a user in a session with a new id, which it returns: somebody else may know the old one.
func (s *sessions) signedIn(id string, t *tokens) string {
	var waiting []attempt
	s.change(id, func(session *session) { waiting = session.attempts })
	s.remove(id)
	return s.add(session{attempts: waiting, tokens: t})
}

func (s *sessions) add(added session) (id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.byID == nil {
		s.byID = map[string]*session{}
	}
	for len(s.byID) >= maxSessions {
		delete(s.byID, s.leastUsed())
	}
	s.uses++
	added.used = s.uses
	id = rand.Text()
	s.byID[id] = &added
	return id
}

// leastUsed returns the id of the session whose last use is the longest ago.
func (s *sessions) leastUsed() (oldest string) {
	for id, session := range s.byID {
		if oldest == "" || session.used < s.byID[oldest].used {
			oldest = id
		}
	}
	return oldest
}

func (s *sessions) remove(id string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.byID, id)
}
