package grants

import "github.com/lingpai/lingpai/tokens"

// Meter counts events for metrics. Label values are a small fixed set and never describe a user.
type Meter interface {
	// Refreshed counts a presented refresh token by its verdict: rotate, repeat, refuse, clock, key, theft, or ahead.
	Refreshed(verdict string)
}

// noMeter counts nothing.
type noMeter struct{}

func (noMeter) Refreshed(string) {}

// verdictName returns the name that a decision is counted under.
func verdictName(d tokens.Decision) string {
	switch {
	case d.Verdict == tokens.RefuseKey:
		return "key"
	case d.Ahead:
		return "ahead"
	}
	switch d.Verdict {
	case tokens.Rotate:
		return "rotate"
	case tokens.Repeat:
		return "repeat"
	case tokens.RefuseClock:
		return "clock"
	case tokens.Theft:
		return "theft"
	}
	return "refuse"
}
