package authorize

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
)

// secretSize is the size of a browser's secrets in bytes.
const secretSize = 32

// Browser is what a browser's cookie holds: a secret of the browser itself, and one for each user who is signed in, the
// last used first. The zero value is a browser without a cookie.
type Browser struct {
	own      []byte   // binds what a browser has done to it; nil: no cookie
	sessions [][]byte // at most identity.MaxBrowserSessions
}

// ParseBrowser reads the value of a cookie. A malformed value is that of no browser.
func ParseBrowser(cookie string) Browser {
	texts := strings.Split(cookie, ".")
	if cookie == "" || len(texts) > 1+identity.MaxBrowserSessions {
		return Browser{}
	}
	var secrets [][]byte
	for _, text := range texts {
		secret, err := base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || len(secret) != secretSize {
			return Browser{}
		}
		secrets = append(secrets, secret)
	}
	return Browser{own: secrets[0], sessions: secrets[1:]}
}

// Cookie returns the value of the browser's cookie.
func (b Browser) Cookie() string {
	texts := []string{base64.RawURLEncoding.EncodeToString(b.own)}
	for _, secret := range b.sessions {
		texts = append(texts, base64.RawURLEncoding.EncodeToString(secret))
	}
	return strings.Join(texts, ".")
}

// Known reports whether the browser has a cookie.
func (b Browser) Known() bool { return b.own != nil }

// NewBrowser returns a browser that was not seen before.
func NewBrowser() Browser { return Browser{own: newSecret()} }

func newSecret() []byte {
	secret := make([]byte, secretSize)
	rand.Read(secret) // never returns an error (crypto/rand)
	return secret
}

// Only returns the browser with the sessions of users, and no others.
func (b Browser) Only(users []identity.SignedIn) Browser {
	b.sessions = slices.DeleteFunc(slices.Clone(b.sessions), func(secret []byte) bool {
		return !slices.ContainsFunc(users, func(user identity.SignedIn) bool {
			return user.SecretHash == sha256.Sum256(secret)
		})
	})
	return b
}

// hashes returns the hashes of the sessions' secrets.
func (b Browser) hashes() [][sha256.Size]byte {
	hashes := make([][sha256.Size]byte, len(b.sessions))
	for n, secret := range b.sessions {
		hashes[n] = sha256.Sum256(secret)
	}
	return hashes
}

// usable returns the sessions of a browser that count for a request. One that was handed over counts for its client
// only, not beside another one of the same user, and not for a request of another device.
func usable(r Request, all []identity.SignedIn) []identity.SignedIn {
	return slices.DeleteFunc(slices.Clone(all), func(s identity.SignedIn) bool {
		return s.ClientID != "" && (r.Elsewhere() || s.ClientID != r.Client.ID ||
			slices.ContainsFunc(all, func(other identity.SignedIn) bool {
				return other.UserID == s.UserID && other.ClientID == ""
			}))
	})
}

// first returns the browser with the session that has a hash before all others.
func (b Browser) first(hash [sha256.Size]byte) Browser {
	if n := slices.Index(b.hashes(), hash); n > 0 {
		b.sessions = slices.Concat(b.sessions[n:n+1], b.sessions[:n], b.sessions[n+1:])
	}
	return b
}

// with returns the browser with a secret first, and of the others only those whose hashes are kept.
func (b Browser) with(secret []byte, kept ...[sha256.Size]byte) Browser {
	sessions := slices.DeleteFunc(slices.Clone(b.sessions), func(other []byte) bool {
		return !slices.Contains(kept, sha256.Sum256(other))
	})
	sessions = slices.Insert(sessions, 0, secret)
	return Browser{own: b.own, sessions: sessions[:min(len(sessions), identity.MaxBrowserSessions)]}
}
