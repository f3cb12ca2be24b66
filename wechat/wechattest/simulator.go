package wechattest

import (
	crand "crypto/rand"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Limits of the simulator. Beyond them the oldest entry is dropped, so that a simulator can
// run for weeks or under load.
const (
	maxCodes    = 1 << 18
	maxSessions = 1 << 18
	maxSealed   = 1 << 16
	maxTokens   = 1 << 14
	maxCounters = 1 << 16
	maxUsers    = 1 << 16
	maxApps     = 1 << 10
	maxPictures = 1 << 16
)

// Options tunes a simulator. The zero value simulates what is documented.
type Options struct {
	Now                func() time.Time // default time.Now
	Seed               uint64           // of codes, keys and tokens; 0: random
	RotateEvery        int              // each n-th login changes the session key; default 3; negative: never
	MinuteLimit        int              // code2Session calls per user and minute; 0: no limit
	DailyLinks         int              // links that an app can have a day; default 500 000, as WeChat
	SessionKeyLifetime time.Duration    // since the last login; default 72 hours
	Variant            Variant          // the form of answers
}

// A Simulator is WeChat as an [http.Handler]. It is safe for concurrent use.
// Its features are separate types that share one platform.
type Simulator struct {
	*platform
	*codeStore
	*appTokens
	*logins
	*oauthLogins
	*phoneNumbers
	*encryption
	*miniProgramCodes
	*linkMaker
	*scanner
	*pusher
	*faultQueue
	*requestLog
	endpoints map[string]endpoint
	admin     *http.ServeMux
	connect   *http.ServeMux
}

// A platform is the state that all parts share: apps, users, the time, and the form of
// answers.
type platform struct {
	options Options

	mutex    sync.Mutex // guards all below, and the state of the parts
	random   *rand.ChaCha8
	advanced time.Duration
	variant  Variant
	apps     *limitedMap[string, *app]
	users    *limitedMap[string, User]
	counters *limitedMap[string, *counter]
}

// New returns a simulator without apps.
func New(options Options) *Simulator {
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.RotateEvery == 0 {
		options.RotateEvery = 3
	}
	if options.DailyLinks == 0 {
		options.DailyLinks = linksPerDay
	}
	if options.SessionKeyLifetime == 0 {
		options.SessionKeyLifetime = 72 * time.Hour
	}
	shared := &platform{
		options:  options,
		random:   rand.NewChaCha8(seed(options.Seed)),
		variant:  options.Variant,
		apps:     newLimitedMap[string, *app](maxApps),
		users:    newLimitedMap[string, User](maxUsers),
		counters: newLimitedMap[string, *counter](maxCounters),
	}
	codes := &codeStore{platform: shared, codes: newLimitedMap[string, *code](maxCodes)}
	tokens := &appTokens{platform: shared, tokens: newLimitedMap[string, *token](maxTokens)}
	logins := &logins{platform: shared, codeStore: codes, appTokens: tokens,
		sessions: newLimitedMap[subject, *session](maxSessions)}
	pictures := &miniProgramCodes{platform: shared, appTokens: tokens,
		pictures: newLimitedMap[string, MiniProgramCode](maxPictures)}
	links := &linkMaker{platform: shared, appTokens: tokens, links: newLimitedMap[string, Link](maxPictures)}
	phones := &phoneNumbers{platform: shared, codeStore: codes, appTokens: tokens}
	simulator := &Simulator{
		platform:     shared,
		codeStore:    codes,
		appTokens:    tokens,
		logins:       logins,
		oauthLogins:  &oauthLogins{platform: shared, codeStore: codes, visits: newLimitedMap[string, visit](maxTokens)},
		phoneNumbers: phones,
		encryption: &encryption{platform: shared, appTokens: tokens, logins: logins, phoneNumbers: phones,
			sealed: newLimitedMap[ciphertext, time.Time](maxSealed)},
		miniProgramCodes: pictures,
		linkMaker:        links,
		scanner:          &scanner{platform: shared, miniProgramCodes: pictures, linkMaker: links},
		pusher:           newPusher(shared),
		faultQueue:       &faultQueue{platform: shared},
		requestLog: &requestLog{platform: shared, paths: newLimitedMap[string, int](maxCounters),
			asked: newLimitedMap[string, int](maxCounters)},
	}
	simulator.endpoints = simulator.routes()
	simulator.admin, simulator.connect = control{simulator}.handler(), simulator.pages()
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

// SetVariant changes the form of answers.
func (s *platform) SetVariant(variant Variant) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.variant = variant
}
