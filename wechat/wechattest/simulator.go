package wechattest

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Limits of what the simulator remembers. Beyond them the oldest is
// forgotten, so that a simulator may run for weeks or under load.
const (
	maxCodes    = 1 << 18
	maxSessions = 1 << 18
	maxSealed   = 1 << 16
	maxTokens   = 1 << 14
	maxCounters = 1 << 16
	maxUsers    = 1 << 16
	maxApps     = 1 << 10
)

// Options tunes a simulator. The zero value simulates what is documented.
type Options struct {
	Now            func() time.Time // default time.Now
	Seed           uint64           // codes, keys and tokens follow from it; 0 is a random one
	RotateEvery    int              // each n-th login changes the session key; default 3, negative never
	MinuteLimit    int              // code2Session calls per user and minute; 0 is no limit
	SessionKeyLife time.Duration    // since the last login; default 72 hours
	Variant        Variant          // the shape of answers
}

// A Simulator is WeChat as an [http.Handler]. It is safe for concurrent use.
type Simulator struct {
	options   Options
	endpoints map[string]endpoint
	admin     *http.ServeMux

	mutex    sync.Mutex // guards all below
	random   *rand.ChaCha8
	advanced time.Duration
	variant  Variant
	apps     *shelf[string, *app]
	codes    *shelf[string, *code]
	sessions *shelf[subject, *session]
	sealed   *shelf[ciphertext, time.Time]
	tokens   *shelf[string, *token]
	visits   *shelf[string, visit]
	users    *shelf[string, User]
	counters *shelf[string, *counter]
	paths    *shelf[string, int]
	asked    *shelf[string, int]
	faults   []Fault
}

// New returns a simulator that knows no app yet.
func New(options Options) *Simulator {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.RotateEvery == 0 {
		options.RotateEvery = 3
	}
	if options.SessionKeyLife == 0 {
		options.SessionKeyLife = 72 * time.Hour
	}
	simulator := &Simulator{
		options:  options,
		random:   rand.NewChaCha8(seed(options.Seed)),
		variant:  options.Variant,
		apps:     newShelf[string, *app](maxApps),
		codes:    newShelf[string, *code](maxCodes),
		sessions: newShelf[subject, *session](maxSessions),
		sealed:   newShelf[ciphertext, time.Time](maxSealed),
		tokens:   newShelf[string, *token](maxTokens),
		visits:   newShelf[string, visit](maxTokens),
		users:    newShelf[string, User](maxUsers),
		counters: newShelf[string, *counter](maxCounters),
		paths:    newShelf[string, int](maxCounters),
		asked:    newShelf[string, int](maxCounters),
	}
	simulator.endpoints = simulator.routes()
	simulator.admin = simulator.adminRoutes()
	return simulator
}

func seed(chosen uint64) (material [32]byte) {
	if chosen == 0 {
		_, _ = crand.Read(material[:])
		return material
	}
	binary.BigEndian.PutUint64(material[:], chosen)
	return material
}

// Advance moves the simulator's clock forward.
func (s *Simulator) Advance(by time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.advanced += by
}

// Now returns the time by the simulator's clock.
func (s *Simulator) Now() time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.now()
}

func (s *Simulator) now() time.Time { return s.options.Now().Add(s.advanced) }

// SetVariant changes the shape of answers from now on.
func (s *Simulator) SetVariant(variant Variant) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.variant = variant
}
