package grants

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// twinWait is how long a repeat waits for the request that it repeats; twinPoll is how often it looks.
const (
	twinWait = 3 * time.Second
	twinPoll = 50 * time.Millisecond
)

// takeOff notes that a sign-in is in flight, here or on another replica, so that a repeat of it waits for the
// answer instead of asking the platform with a code that is used up. found says that there is an answer
// already. Otherwise the caller goes on, and calls land when it is done; if that leaves no session, one of
// those who wait takes its place.
func (m *Manager) takeOff(ctx context.Context, s signIn, openings []tokens.Opening) (set tokens.Set,
	found bool, land func(), err error) {
	flight := s.flight()
	deadline := time.After(twinWait)
	for {
		first, noted := m.Volatile.PutIfAbsent(ctx, flight, []byte{1}, signInTimeout)
		// Asked after the note: a twin that has landed has its session there.
		if set, found, err = m.repeat(ctx, s, openings); found || err != nil {
			if first {
				m.land(ctx, flight)
			}
			return set, found, nil, err
		}
		if noted != nil { // without the note a repeat may come too early, and is told to sign in again
			m.Logger.WarnContext(ctx, "cannot note a sign-in in flight", "error", noted)
			return set, false, func() {}, nil
		}
		if first {
			return set, false, func() { m.land(ctx, flight) }, nil
		}
		select {
		case <-deadline:
			return set, false, nil, oauth.Unavailable(
				"The first request with this Idempotency-Key is still in flight. Repeat it.", time.Second, nil)
		case <-time.After(twinPoll):
		}
	}
}

// flight names a sign-in, and not by what opens its session: the secret for that is another one on each
// replica while it rotates.
func (s signIn) flight() string {
	name := sha256.New()
	for _, part := range []string{s.Client.ID, s.appID, s.code, s.Key} {
		fmt.Fprintf(name, "%d %s", len(part), part)
	}
	return "sign_in/" + base64.RawURLEncoding.EncodeToString(name.Sum(nil))
}

func (m *Manager) land(ctx context.Context, flight string) {
	if _, err := m.Volatile.Take(context.WithoutCancel(ctx), flight); err != nil && !isNotFound(err) {
		m.Logger.WarnContext(ctx, "cannot note the end of a sign-in", "error", err)
	}
}
