package signin

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"
)

const (
	// maxKnown networks of a user are remembered for knownFor: home, work and two mobile networks.
	maxKnown = 4
	knownFor = 30 * 24 * time.Hour
	// knownAgain is how old an entry must be to be written again.
	knownAgain = 24 * time.Hour
)

// knownNetworks are the networks that lately signed a user in with a password, the last one first. They are one value
// in the volatile store: a line for each network, with the Unix time of the sign-in.
type knownNetworks []knownNetwork

type knownNetwork struct {
	network string
	at      time.Time
}

func knownKey(name string) string { return "known/" + name }

// findKnown returns the known networks of a user, or none if the store fails.
func (s *Service) findKnown(ctx context.Context, name string) (found knownNetworks) {
	value, err := s.volatile.Get(ctx, knownKey(name))
	if err != nil && !isNotFound(err) {
		s.logger.WarnContext(ctx, "cannot read a user's known networks", "error", err)
	}
	for line := range strings.Lines(string(value)) {
		network, at, _ := strings.Cut(strings.TrimSpace(line), " ")
		if seconds, err := strconv.ParseInt(at, 10, 64); err == nil {
			found = append(found, knownNetwork{network, time.Unix(seconds, 0)})
		}
	}
	return found
}

// have reports whether a network is known at a time.
func (known knownNetworks) have(network string, now time.Time) bool {
	return slices.ContainsFunc(known, func(k knownNetwork) bool {
		return k.network == network && now.Sub(k.at) < knownFor
	})
}

// remember adds the network of an attempt to the user's known ones.
func (s *Service) remember(ctx context.Context, a attempt) {
	now := s.now()
	var value strings.Builder
	write := func(k knownNetwork) {
		value.WriteString(k.network + " " + strconv.FormatInt(k.at.Unix(), 10) + "\n")
	}
	write(knownNetwork{a.neighborhood, now})
	count := 1
	for _, k := range a.networks {
		switch {
		case k.network == a.neighborhood && now.Sub(k.at) < knownAgain:
			return
		case k.network != a.neighborhood && now.Sub(k.at) < knownFor && count < maxKnown:
			write(k)
			count++
		}
	}
	if err := s.volatile.Put(ctx, knownKey(a.name), []byte(value.String()), knownFor); err != nil {
		s.logger.WarnContext(ctx, "cannot remember a user's network", "error", err)
	}
}
