// Package qqtest simulates the login of QQ's mini-programs for tests and
// development: code2Session, and an API of its own under /_sim/. It imports only the standard library and
// shares nothing with package qq, so that a mistake there is not repeated here.
//
// Every AppSecret that it accepts begins with "simulator-", unlike real ones.
package qqtest

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// SecretPrefix begins the AppSecret of every simulated app.
const SecretPrefix = "simulator-"

const codeLifetime = 5 * time.Minute

// Limits of the simulator. Beyond them it rejects additions.
const (
	maxApps   = 1 << 10
	maxCodes  = 1 << 14
	maxFaults = 1 << 10
)

// Options tunes a simulator.
type Options struct {
	Now func() time.Time // default time.Now
}

// An App is a simulated mini-program.
type App struct {
	AppID  string `json:"appid"`           // digits
	Secret string `json:"secret"`          // begins with SecretPrefix
	Union  string `json:"union,omitempty"` // the Open Platform account; empty: none, and so no unionid
}

// A Fault makes the next requests fail.
type Fault struct {
	Errcode int `json:"errcode"` // answer with this errcode
	Status  int `json:"status"`  // or this HTTP status, without a body
	Count   int `json:"count"`   // how many requests; default 1
}

type code struct {
	appID   string
	user    string
	expires time.Time
	used    bool
	asked   int
}

// A Simulator is QQ as an [http.Handler]. It is safe for concurrent use.
type Simulator struct {
	options Options
	routes  *http.ServeMux

	mutex  sync.Mutex // guards all below
	apps   map[string]App
	codes  map[string]*code
	faults []Fault
}

// New returns a simulator without apps.
func New(options Options) *Simulator {
	if options.Now == nil {
		options.Now = time.Now
	}
	simulator := &Simulator{options: options, apps: map[string]App{}, codes: map[string]*code{}}
	simulator.routes = simulator.table()
	return simulator
}

// AddApp adds an app, or replaces its secret and binding.
func (s *Simulator) AddApp(added App) error {
	switch {
	case len(added.AppID) < 6 || len(added.AppID) > 20 || strings.Trim(added.AppID, "0123456789") != "":
		return errors.New("appid: must be 6 to 20 digits")
	case !strings.HasPrefix(added.Secret, SecretPrefix):
		return fmt.Errorf("secret: must begin with %q", SecretPrefix)
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, known := s.apps[added.AppID]; !known && len(s.apps) >= maxApps {
		return fmt.Errorf("more than %d apps", maxApps)
	}
	s.apps[added.AppID] = added
	return nil
}

// MintCode returns a code as qq.login would return it to the app's mini-program for the user:
// 32 hexadecimal digits, valid for five minutes.
func (s *Simulator) MintCode(appID, user string) (string, error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if _, known := s.apps[appID]; !known || user == "" {
		return "", errors.New("appid or user: not registered, or empty")
	}
	now := s.options.Now()
	if len(s.codes) >= maxCodes {
		for text, old := range s.codes {
			if !now.Before(old.expires) {
				delete(s.codes, text)
			}
		}
	}
	if len(s.codes) >= maxCodes {
		return "", fmt.Errorf("more than %d codes are valid", maxCodes)
	}
	text := strings.ToLower(identifier("code", rand.Text()))
	s.codes[text] = &code{appID: appID, user: user, expires: now.Add(codeLifetime)}
	return text, nil
}

// CodeRequests returns how often a code was sent, including failures.
func (s *Simulator) CodeRequests(text string) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if known, found := s.codes[text]; found {
		return known.asked
	}
	return 0
}

// Fail adds faults. They are applied in the order in which they were added.
func (s *Simulator) Fail(faults ...Fault) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, fault := range faults {
		if fault.Count < 0 || fault.Status != 0 && (fault.Status < 200 || fault.Status > 599) ||
			fault.Status == 0 && fault.Errcode == 0 {
			return errors.New("a fault needs an errcode or a status from 200 to 599")
		}
		if len(s.faults) >= maxFaults {
			return fmt.Errorf("more than %d faults are waiting", maxFaults)
		}
		s.faults = append(s.faults, fault)
	}
	return nil
}

// OpenID returns the openid of a user at an app. It has QQ's form, 32
// hexadecimal digits, which WeChat's do not have.
func OpenID(appID, user string) string { return identifier("openid", appID, user) }

// UnionID returns the unionid of a user at all apps of the same Open Platform account.
func UnionID(union, user string) string { return identifier("unionid", union, user) }

func identifier(parts ...string) string {
	digest := sha256.Sum256([]byte("qq\x00" + strings.Join(parts, "\x00")))
	return fmt.Sprintf("%X", digest[:16])
}

// sessionKey returns a new session key, in the form of WeChat's: Base64 of 16 bytes.
func sessionKey() string {
	key := make([]byte, 16)
	_, _ = rand.Read(key) // never fails
	return base64.StdEncoding.EncodeToString(key)
}
