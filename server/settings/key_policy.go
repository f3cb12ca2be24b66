package settings

import (
	"fmt"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/keys"
)

// KeyPolicy returns the lifetimes of keys. A refresh token is used within the longest possible idle time or never, so
// its secret is kept for that long.
func (s Settings) KeyPolicy() keys.Policy {
	return keys.Policy{
		Signing: keys.Schedule{Interval: s.KeyInterval, Announce: s.KeyAnnounce, Retire: s.KeyRetire},
		Refresh: keys.Schedule{Interval: s.KeyInterval, Announce: s.KeyAnnounce,
			Retire: clients.MaxIdleTTL + 24*time.Hour},
	}
}

// KeySetAge is how long verifiers may cache the key set, so that they read it again before the next key is used.
func (s Settings) KeySetAge() time.Duration { return min(5*time.Minute, s.KeyAnnounce/2) }

// RotationDelay is how long after a rotation a server may still sign with the previous key, and how much its clock
// may be ahead.
const RotationDelay = 5 * time.Second

// AccessTTLBound is the maximum lifetime of access tokens, whatever a client's record says, so that their key is not
// gone before they expire.
func (s Settings) AccessTTLBound() time.Duration { return s.KeyRetire - RotationDelay }

// KeysStaleAfter is how long a server may fail to read the keys and still be ready: much shorter than the time for
// which the next key is announced, unless that is only seconds, and longer than a database needs to fail over.
func (s Settings) KeysStaleAfter() time.Duration { return max(30*time.Second, s.KeySetAge()) }

// CheckKeyLifetime returns an error if a key would be gone before the access tokens that it signed expire.
func CheckKeyLifetime(s Settings) error {
	if s.AccessTTL > s.AccessTTLBound() {
		return fmt.Errorf("access tokens are valid for %s (token.access_ttl), so a key must be published for %s "+
			"longer than that after it was used, not for %s",
			s.AccessTTL, RotationDelay, s.KeyRetire)
	}
	return nil
}

// CheckKeyInterval returns an error if keys are used for a shorter time than the next one is announced.
func CheckKeyInterval(s Settings) error {
	if s.KeyInterval > 0 && s.KeyInterval < s.KeyAnnounce {
		return fmt.Errorf("the next key is published %s (keys.announce) before it is used, but each key is "+
			"used for only %s", s.KeyAnnounce, s.KeyInterval)
	}
	return nil
}
