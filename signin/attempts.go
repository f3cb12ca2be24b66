package signin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
)

// attempt is a password attempt that has been counted.
type attempt struct {
	address      limits.Uses // none if its limit is exceeded, but the network is known
	account      limits.Uses
	name         string // hashed, since people may type a password into the field of the name
	from         string // the caller's address
	neighborhood string // the network that is known if the user has signed in from there
	networks     knownNetworks
	known        bool // the neighborhood is one of them
}

// countAttempt counts an attempt, for unknown names too, or rejects it with oauth.TooManyRequests. It runs before the
// password is hashed, and counting is atomic, so parallel attempts do not get around the limits. It takes two round
// trips to the volatile store: the first for the address, together with the user's known networks, and the second for
// the account.
//
// The limits of a user and an address make the delay grow: none for five attempts, then twelve seconds, ninety seconds,
// 48 minutes. The limit of a user from all addresses together would let anybody lock the user out. Therefore a network
// from which the user has recently signed in has a bucket of its own, whatever others do.
func (s *Service) countAttempt(ctx context.Context, username, clientID, address string) (attempt, error) {
	a := attempt{name: hashName(username), from: address, neighborhood: limits.Neighborhood(address)}
	about := identity.Event{ClientID: clientID, Detail: "name " + a.name[:nameInEvents]}
	a.address = limits.ByAddress(limits.PasswordAddress, address).About(about)
	found := make(chan knownNetworks, 1)
	go func() { found <- s.known.find(ctx, a.name) }()
	err := s.limiter.Try(ctx, a.address)
	a.networks = <-found
	a.known = address != "" && a.networks.have(a.neighborhood, s.now())
	spared := a.known && errors.Is(err, oauth.TooManyRequests)
	if err != nil && !spared {
		s.limiter.Report(ctx, err)
		return a, err
	}
	customer := limits.Customer(address)
	a.account = limits.InGroup("user/"+a.name).About(about).And(limits.PasswordMinute, customer).
		And(limits.PasswordQuarter, customer).And(limits.PasswordDay, customer)
	if a.known {
		a.account = a.account.And(limits.PasswordUser, a.neighborhood).AndLeniently(limits.PasswordUser, "")
	} else {
		a.account = a.account.And(limits.PasswordUser, "")
	}
	counted := a.account
	if spared {
		a.address, counted = limits.Uses{}, counted.And(limits.PasswordAddress, a.neighborhood)
	}
	if err := s.limiter.Count(ctx, counted); err != nil {
		s.limiter.GiveBack(ctx, a.address)
		return a, err
	}
	return a, nil
}

// nameInEvents is how much of a name's hash audit events have, in hexadecimal digits: enough to tell that two events
// are about the same name.
const nameInEvents = 16

// hashName returns the hash of a user name, equal for all its spellings.
func hashName(username string) string {
	sum := sha256.Sum256([]byte(canonical(username)))
	return hex.EncodeToString(sum[:16])
}

// canonical returns the canonical form of a name, or an invalid name as it is.
func canonical(username string) string {
	canonical, err := identity.CanonicalUsername(username)
	if err != nil {
		return username
	}
	return canonical
}

// caller returns who waits for the hash of an attempt.
func (a attempt) caller() password.Caller {
	return password.Caller{Network: limits.Network(a.from), Known: a.known}
}

// succeeded forgets the user's attempts from the address, so that typing errors cost nothing, and remembers the
// network. It keeps the count of the address: an attacker could otherwise reset it by signing in to an account of their
// own between guesses. Of the user's total it gives back only this attempt, since the others may be an attacker's.
func (s *Service) succeeded(ctx context.Context, a attempt) {
	s.limiter.GiveBack(ctx, a.account.Forgetting(limits.PasswordMinute, limits.PasswordQuarter, limits.PasswordDay))
	s.known.remember(ctx, a)
}

// failed gives an attempt back if the server is the reason that it failed. Of the other failures it records a sample in
// the audit log. It returns the error.
func (s *Service) failed(ctx context.Context, a attempt, clientID string, err error) error {
	refused, ok := errors.AsType[*oauth.Error](err)
	if !ok || refused.Code.Status() >= 500 {
		s.limiter.GiveBack(ctx, a.address, a.account)
		return err
	}
	s.limiter.Record(ctx, a.name+"/"+limits.Network(a.from), identity.Event{Kind: identity.EventSignInFailed,
		ClientID: clientID, Detail: "password, name " + a.name[:nameInEvents]})
	return err
}
