package signin

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// deviceFor is how long a device is known after a sign-in. Addresses of phones change, so there are many devices.
const deviceFor = 48 * time.Hour

// countCode counts a code before it is sent, so that invented codes do not use up the app's quota at the platform, or
// rejects it with oauth.TooManyRequests. The caller calls codeFailed or codeSucceeded, which give the uses back unless
// the platform rejects the code: many phones share an address. If the address has sent too many bad codes, a device
// from which a user has recently signed in has a bucket of its own, so that a bad neighbor slows only new and failing
// callers. If the store fails, countCode returns nil, since codes work without it.
func (s *Service) countCode(ctx context.Context, r Request) (*limits.Uses, error) {
	about := identity.Event{UserID: r.userID, ClientID: r.Client.ID}
	uses := limits.ByAddress(limits.RejectedCodes, r.Address).About(about)
	if r.userID != "" { // has presented an access token
		uses = limits.Of(limits.RejectedCodes, "user", r.userID).About(about)
	}
	err := s.limiter.Try(ctx, uses)
	if errors.Is(err, oauth.TooManyRequests) && r.userID == "" && s.knowsDevice(ctx, r) {
		uses = limits.Of(limits.RejectedCodes, r.device()).About(about)
		err = s.limiter.Try(ctx, uses)
	}
	s.limiter.Report(ctx, err)
	switch {
	case errors.Is(err, oauth.TooManyRequests):
		return nil, err
	case err != nil:
		s.logger.WarnContext(ctx, "cannot count codes", "error", err)
		return nil, nil
	}
	return &uses, nil
}

// codeFailed records a sample of rejected codes. If the platform failed for another reason, it gives the uses back.
func (s *Service) codeFailed(ctx context.Context, r Request, uses *limits.Uses, err error) {
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		s.limiter.Record(ctx, r.device(), identity.Event{Kind: identity.EventSignInFailed, UserID: r.userID,
			ClientID: r.Client.ID, Detail: "code"})
	case uses != nil:
		s.limiter.GiveBack(ctx, *uses)
	}
}

// codeSucceeded gives the uses of a code back, and remembers the device of a sign-in.
func (s *Service) codeSucceeded(ctx context.Context, r Request, uses *limits.Uses) {
	if uses == nil {
		return
	}
	s.limiter.GiveBack(ctx, *uses)
	if r.userID != "" {
		return
	}
	if err := s.volatile.Put(context.WithoutCancel(ctx), r.device(), []byte{1}, deviceFor); err != nil {
		s.logger.WarnContext(ctx, "cannot remember a device", "error", err)
	}
}

// device returns a key for a kind of device: a customer's address, a client and a User-Agent. It proves nothing: an
// attacker who imitates the device shares its bucket of rejected codes, and nothing else.
func (r Request) device() string {
	return identity.VolatileKey("device", limits.Customer(r.Address), r.Client.ID, r.Device)
}

func (s *Service) knowsDevice(ctx context.Context, r Request) bool {
	_, err := s.volatile.Get(ctx, r.device())
	return err == nil
}

// GiveBack gives back a sign-in of a user at a client that Password or Person has counted, because no tokens could be
// issued.
func (s *Service) GiveBack(ctx context.Context, userID, clientID string) {
	s.limiter.GiveBack(ctx, signInOf(userID, clientID))
}

func signInOf(userID, clientID string) limits.Uses {
	return limits.Of(limits.SignIns, userID, clientID).About(identity.Event{UserID: userID, ClientID: clientID})
}

// countSignIn counts a sign-in of a user at a client, or rejects it with oauth.TooManyRequests. If the store fails, it
// is not counted: passwords have been counted already, and codes work without the store.
func (s *Service) countSignIn(ctx context.Context, r Request, user identity.User) error {
	err := s.limiter.Count(ctx, signInOf(user.ID, r.Client.ID))
	if err != nil && !errors.Is(err, oauth.TooManyRequests) {
		s.logger.WarnContext(ctx, "cannot count a sign-in", "error", err)
		return nil
	}
	return err
}
