package dev

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/browser"
)

const (
	maxShown = 5               // codes that the front page lists
	shownFor = 2 * time.Minute // as long as a code is good
)

// shownCodes knows which codes pages show to be scanned with a phone, since nobody can hold a simulated phone to a
// screen. It sees where the provider leads a browser that is to get a new code: the URL of the page has its handle,
// which is no secret.
type shownCodes struct {
	next   http.Handler
	issuer string
	now    func() time.Time

	mutex sync.Mutex
	last  []devpages.ShownCode // the oldest first
}

func newShownCodes(issuer string, next http.Handler) *shownCodes {
	return &shownCodes{next: next, issuer: issuer, now: time.Now}
}

// ServeHTTP implements http.Handler.
func (s *shownCodes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.next.ServeHTTP(w, r)
	if !strings.HasSuffix(r.URL.Path, browser.ScanPath) {
		return
	}
	to, err := url.Parse(w.Header().Get("Location"))
	if err != nil || !strings.HasSuffix(to.Path, browser.ScanPath) {
		return
	}
	if handle := to.Query().Get("screen"); isHandle.MatchString(handle) {
		s.add(devpages.ShownCode{At: s.now(), Text: s.issuer + browser.ScannedPath + handle})
	}
}

// isHandle matches the handle of a code.
var isHandle = regexp.MustCompile(`^[\w-]{32}$`)

func (s *shownCodes) add(code devpages.ShownCode) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.last = append(s.last[max(0, len(s.last)+1-maxShown):], code)
}

// newest returns the codes that are shown, the newest first.
func (s *shownCodes) newest() []devpages.ShownCode {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	last := slices.DeleteFunc(slices.Clone(s.last), func(code devpages.ShownCode) bool {
		return s.now().Sub(code.At) >= shownFor
	})
	slices.Reverse(last)
	return last
}
