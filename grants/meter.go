package grants

import "github.com/lingpai/lingpai/tokens"

// Meter counts what operators watch. Its words are few, and nothing of a user is among them.
type Meter interface {
	// Refreshed counts a presented refresh token by what it meant: rotate, repeat, refuse, theft, or ahead.
	Refreshed(verdict string)
}

// noMeter counts nothing.
type noMeter struct{}

func (noMeter) Refreshed(string) {}

// verdictName is what a decision is counted as.
func verdictName(d tokens.Decision) string {
	if d.Ahead {
		return "ahead"
	}
	switch d.Verdict {
	case tokens.Rotate:
		return "rotate"
	case tokens.Repeat:
		return "repeat"
	case tokens.Theft:
		return "theft"
	}
	return "refuse"
}
