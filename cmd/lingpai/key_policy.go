package main

import (
	"fmt"
	"time"

	"github.com/lingpai/lingpai/keys"
)

// keyPolicy says how long keys live. A refresh token is used within the longest idle time that there may be,
// or never, so the secret that it was made with is kept for that long.
func (c config) keyPolicy() keys.Policy {
	return keys.Policy{
		Signing: keys.Life{Interval: c.KeyInterval, Announce: c.KeyAnnounce, Retire: c.KeyRetire},
		Refresh: keys.Life{Interval: c.KeyInterval, Announce: c.KeyAnnounce, Retire: maxIdleTTL + 24*time.Hour},
	}
}

// keySetAge is how long verifiers may keep the key set: they have read it again before the next key is used.
func (c config) keySetAge() time.Duration { return min(5*time.Minute, c.KeyAnnounce/2) }

// noticed is how long after a rotation some server may still sign with the key before, or believe by its
// clock that it is gone sooner.
const noticed = 5 * time.Second

// longestAccess is how long an access token may live at most, whatever its client's record says, if its key
// is not to be gone first.
func (c config) longestAccess() time.Duration { return c.KeyRetire - noticed }

// keysStaleAfter is how old what a server knows of the keys may be: well below the time for which the next
// key is announced, unless that is seconds, and more than a database needs to fail over.
func (c config) keysStaleAfter() time.Duration { return max(30*time.Second, c.keySetAge()) }

// checkKeyLife holds the life of keys against that of what they sign, and of their own successors.
func checkKeyLife(c config) error {
	if c.AccessTTL > c.longestAccess() {
		return fmt.Errorf("access tokens live %s (token.access_ttl), so a key must be published for %s "+
			"more than that after it was used, and not for %s",
			c.AccessTTL, noticed, c.KeyRetire)
	}
	return nil
}

func checkKeyInterval(c config) error {
	if c.KeyInterval > 0 && c.KeyInterval < c.KeyAnnounce {
		return fmt.Errorf("the next key is published %s (keys.announce) before it is used, which is longer "+
			"than the %s of one key", c.KeyAnnounce, c.KeyInterval)
	}
	return nil
}
