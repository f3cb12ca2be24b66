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
// What it does is divided by story; all parts share one platform.
type Simulator struct {
	*platform
	*codeStore
	*appTokens
	*logins
	*oauthLogins
	*phoneNumbers
	*encryption
	*faultQueue
	*requestLog
	endpoints map[string]endpoint
	admin     *http.ServeMux
}

// A platform is what all of WeChat's services know: apps, users, the time, and
// the shape of answers.
type platform struct {
	options Options

	mutex    sync.Mutex // guards all below, and what the parts of a simulator keep
	random   *rand.ChaCha8
	advanced time.Duration
	variant  Variant
	apps     *shelf[string, *app]
	users    *shelf[string, User]
	counters *shelf[string, *counter]
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
	shared := &platform{
		options:  options,
		random:   rand.NewChaCha8(seed(options.Seed)),
		variant:  options.Variant,
		apps:     newShelf[string, *app](maxApps),
		users:    newShelf[string, User](maxUsers),
		counters: newShelf[string, *counter](maxCounters),
	}
	codes := &codeStore{platform: shared, codes: newShelf[string, *code](maxCodes)}
	tokens := &appTokens{platform: shared, tokens: newShelf[string, *token](maxTokens)}
	logins := &logins{platform: shared, codeStore: codes, appTokens: tokens,
		sessions: newShelf[subject, *session](maxSessions)}
	phones := &phoneNumbers{platform: shared, codeStore: codes, appTokens: tokens}
	simulator := &Simulator{
		platform:     shared,
		codeStore:    codes,
		appTokens:    tokens,
		logins:       logins,
		oauthLogins:  &oauthLogins{platform: shared, codeStore: codes, visits: newShelf[string, visit](maxTokens)},
		phoneNumbers: phones,
		encryption: &encryption{platform: shared, appTokens: tokens, logins: logins, phoneNumbers: phones,
			sealed: newShelf[ciphertext, time.Time](maxSealed)},
		faultQueue: &faultQueue{platform: shared},
		requestLog: &requestLog{platform: shared, paths: newShelf[string, int](maxCounters),
			asked: newShelf[string, int](maxCounters)},
	}
	simulator.endpoints = simulator.routes()
	simulator.admin = control{simulator}.handler()
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
func (s *platform) Advance(by time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.advanced += by
}

// Now returns the time by the simulator's clock.
func (s *platform) Now() time.Time {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.now()
}

func (s *platform) now() time.Time { return s.options.Now().Add(s.advanced) }

// SetVariant changes the shape of answers from now on.
func (s *platform) SetVariant(variant Variant) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.variant = variant
}
