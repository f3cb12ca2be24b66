package signin

import (
	"context"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
)

const (
	// maxKnown networks of a user are remembered for knownFor: home, work and two mobile networks.
	maxKnown = 4
	knownFor = 30 * 24 * time.Hour
	// knownAgain is how old an entry must be to be written again.
	knownAgain = 24 * time.Hour
)

// knownNetworks are the networks from which a user has recently signed in with a password, the latest first. They are
// one value in the volatile store: a line for each network, with the Unix time of the sign-in.
type knownNetworks []knownNetwork

type knownNetwork struct {
	network string
	at      time.Time
}

// networkMemory remembers the known networks of users.
type networkMemory struct {
	store  identity.Volatile
	now    func() time.Time
	logger *slog.Logger
}

func knownKey(name string) string { return "known/" + name }

// find returns the known networks of a user, or none if the store fails.
func (m networkMemory) find(ctx context.Context, name string) (found knownNetworks) {
	value, err := m.store.Get(ctx, knownKey(name))
	if err != nil && !isNotFound(err) {
		m.logger.WarnContext(ctx, "cannot read a user's known networks", "error", err)
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
func (m networkMemory) remember(ctx context.Context, a attempt) {
	now := m.now()
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
	if err := m.store.Put(ctx, knownKey(a.name), []byte(value.String()), knownFor); err != nil {
		m.logger.WarnContext(ctx, "cannot remember a user's network", "error", err)
	}
}
