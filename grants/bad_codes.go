package grants

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/oauth"
)

// badCodes is how many codes that WeChat refuses one address may send at once; it regains one every two
// seconds. Whoever makes codes up would otherwise use up the app's quota at WeChat for everybody. Good codes
// count nothing, since many phones share an address.
func badCodes() rate { return rate{300, 10 * time.Minute} }

// checkBadCodes refuses an address that has sent too many bad codes lately.
func (m *Manager) checkBadCodes(ctx context.Context, address string) error {
	until, err := m.Volatile.Get(ctx, blockKey(address))
	if err != nil { // nothing there; or the store is out of reach, which must not keep good codes from working
		return nil
	}
	if at, err := time.Parse(time.RFC3339Nano, string(until)); err == nil && m.Now().Before(at) {
		return &oauth.Error{Code: oauth.TooManyRequests,
			Description: "Too many codes that WeChat refused. Wait before trying again.", RetryAfter: at.Sub(m.Now())}
	}
	return nil
}

// countBadCode notes a code that WeChat refused.
func (m *Manager) countBadCode(ctx context.Context, address string) {
	rate := badCodes()
	wait, err := m.Volatile.Allow(ctx, "bad_codes/"+address, rate.uses, rate.period)
	if err == nil && wait > 0 {
		err = m.Volatile.Put(ctx, blockKey(address), m.Now().Add(wait).AppendFormat(nil, time.RFC3339Nano), wait)
	}
	if err != nil {
		m.Logger.WarnContext(ctx, "cannot count bad codes", "error", err)
	}
}

func blockKey(address string) string { return "bad_codes/blocked/" + address }
