package settings

import (
	"fmt"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/keys"
)

// KeyPolicy is how long keys live. A refresh token is used within the longest idle time that there may be,
// or never, so the secret that it was made with is kept for that long.
func (s Settings) KeyPolicy() keys.Policy {
	return keys.Policy{
		Signing: keys.Life{Interval: s.KeyInterval, Announce: s.KeyAnnounce, Retire: s.KeyRetire},
		Refresh: keys.Life{Interval: s.KeyInterval, Announce: s.KeyAnnounce, Retire: clients.MaxIdleTTL + 24*time.Hour},
	}
}

// KeySetAge is how long verifiers may keep the key set: they have read it again before the next key is used.
func (s Settings) KeySetAge() time.Duration { return min(5*time.Minute, s.KeyAnnounce/2) }

// RotationDelay is how long after a rotation some server may still sign with the key before, or believe by its
// clock that it is gone sooner.
const RotationDelay = 5 * time.Second

// AccessTTLBound is how long an access token may live at most, whatever its client's record says, if its key
// is not to be gone first.
func (s Settings) AccessTTLBound() time.Duration { return s.KeyRetire - RotationDelay }

// KeysStaleAfter is how old what a server knows of the keys may be: well below the time for which the next
// key is announced, unless that is seconds, and more than a database needs to fail over.
func (s Settings) KeysStaleAfter() time.Duration { return max(30*time.Second, s.KeySetAge()) }

// CheckKeyLifetime holds the life of keys against that of what they sign, and of their own successors.
func CheckKeyLifetime(s Settings) error {
	if s.AccessTTL > s.AccessTTLBound() {
		return fmt.Errorf("access tokens live %s (token.access_ttl), so a key must be published for %s "+
			"more than that after it was used, and not for %s",
			s.AccessTTL, RotationDelay, s.KeyRetire)
	}
	return nil
}

// CheckKeyInterval holds the interval of keys against the time for which each is announced.
func CheckKeyInterval(s Settings) error {
	if s.KeyInterval > 0 && s.KeyInterval < s.KeyAnnounce {
		return fmt.Errorf("the next key is published %s (keys.announce) before it is used, which is longer "+
			"than the %s of one key", s.KeyAnnounce, s.KeyInterval)
	}
	return nil
}
