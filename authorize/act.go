package authorize

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
)

// Credentials are what a user has typed in, and where.
type Credentials struct {
	Username, Password string
	Address            string // the browser's IP address
	Device             string // from the User-Agent header
}

// SignIn signs a user in with name and password, for a request and in a browser. It returns the browser with a new
// secret, and what the browser has done for the request. Errors are those of [signin.Service.Password].
func (s *Service) SignIn(ctx context.Context, r Request, browser Browser, seen string, c Credentials) (Browser, string,
	error) {
	user, err := s.signIn.Password(ctx, signin.Request{Client: r.Client, Address: c.Address, Device: c.Device},
		c.Username, c.Password)
	if err != nil {
		return browser, seen, err
	}
	return s.open(ctx, r, browser, seen, identity.BrowserSession{
		UserID: user.ID, Epoch: user.AuthEpoch, Method: identity.MethodPassword, Device: c.Device,
	}, newSecret())
}

// returnsWithin is how long a new browser session waits for the browser to come back with its secret. The browser never
// does if the answer is lost, or if the answer to a sign-in in another tab at the same time replaces the cookie.
const returnsWithin = time.Hour

// open opens a browser session for an authenticated user, whose sign-in it gives back if it fails. It replaces an older
// one of the same user in this browser, so that a secret from before the sign-in is of no use (session fixation), and
// ends the session that the browser has no room for: nobody could sign it out there. The id of the session may be set;
// open returns identity.ErrExists if there was a session with that id before.
func (s *Service) open(ctx context.Context, r Request, browser Browser, seen string,
	session identity.BrowserSession, secret []byte) (_ Browser, _ string, err error) {
	defer func() {
		if err != nil {
			s.signIn.GiveBack(ctx, session.UserID, r.Client.ID)
		}
	}()
	users, now, err := s.browsers.Find(ctx, browser.hashes()...)
	if err != nil {
		return browser, seen, oauth.StoreFailed(err)
	}
	before := s.readSeen(seen, r, browser, now)
	// sessions for one client only come last, since the last one may have no room
	slices.SortStableFunc(users, func(one, other identity.SignedIn) int {
		return cmp.Compare(min(len(one.ClientID), 1), min(len(other.ClientID), 1))
	})
	var replaced, dropped string
	var kept [][sha256.Size]byte
	for _, user := range users {
		switch {
		case user.UserID == session.UserID && user.ClientID == session.ClientID:
			replaced = user.ID
		case len(kept) == identity.MaxBrowserSessions-1:
			dropped = user.ID
		default:
			kept = append(kept, user.SecretHash)
		}
	}
	session.ID, session.SecretHash = cmp.Or(session.ID, identity.NewSessionID()), sha256.Sum256(secret)
	lifetimes := identity.Lifetimes{Idle: min(s.lifetimes.Idle, returnsWithin), Absolute: s.lifetimes.Absolute}
	if !session.ExpiresAt.IsZero() { // handed over: a browser that has lost the answer can post its form again
		lifetimes = identity.Lifetimes{Idle: s.lifetimes.Idle,
			Absolute: min(s.lifetimes.Absolute, session.ExpiresAt.Sub(now))}
	}
	session, err = s.browsers.Open(ctx, session, lifetimes, replaced)
	switch {
	case errors.Is(err, identity.ErrExists):
		return browser, seen, err
	case errors.Is(err, identity.ErrStale):
		return browser, seen, oauth.NewError(oauth.InvalidGrant,
			"The user was disabled or changed during this sign-in. Sign in again.")
	case err != nil:
		return browser, seen, oauth.StoreFailed(err)
	}
	if dropped != "" {
		if _, err := s.browsers.End(ctx, dropped, identity.EndedByLimit, false); err != nil {
			s.logger.WarnContext(ctx, "cannot end a session that a browser has no room for", "error", err)
		}
	}
	if before.At.IsZero() {
		before.At = session.AuthTime
	}
	browser = browser.with(secret, kept...)
	return browser, s.writeSeen(Seen{At: before.At, Chosen: session.ID}, r, browser), nil
}

// Choose records that the user of a browser session was chosen for a request. It returns the browser with them before
// all others, and oauth.LoginRequired if nobody is signed in with the session in this browser.
func (s *Service) Choose(ctx context.Context, r Request, browser Browser, seen, id string) (Browser, string, error) {
	user, now, err := s.signedIn(ctx, r, browser, id)
	if err != nil {
		return browser, "", err
	}
	return browser.first(user.SecretHash), s.step(r, browser, seen, now, Seen{Chosen: id}), nil
}

// Consent records that the user of a browser session allows what a request asks for. It returns oauth.LoginRequired if
// nobody is signed in with it in this browser: a page that was shown to one user must not consent for another.
func (s *Service) Consent(ctx context.Context, r Request, browser Browser, seen, id string) (string, error) {
	user, now, err := s.signedIn(ctx, r, browser, id)
	if err != nil {
		return "", err
	}
	consent := identity.Consent{UserID: user.UserID, ClientID: r.Client.ID, Resource: r.Resource,
		Scopes: r.Scopes(), Terms: s.terms}
	if err := s.consents.Grant(ctx, consent); err != nil {
		return "", oauth.StoreFailed(err)
	}
	return s.step(r, browser, seen, now, Seen{Chosen: id, Consented: true}), nil
}

// step writes what has been done now, with the time when the request was first seen.
func (s *Service) step(r Request, browser Browser, seen string, now time.Time, done Seen) string {
	if done.At = s.readSeen(seen, r, browser, now).At; done.At.IsZero() {
		done.At = now
	}
	return s.writeSeen(done, r, browser)
}

// signedIn returns the user of one of the browser's sessions that count for a request.
func (s *Service) signedIn(ctx context.Context, r Request, browser Browser, id string) (identity.SignedIn, time.Time,
	error) {
	users, now, err := s.browsers.Find(ctx, browser.hashes()...)
	if err != nil {
		return identity.SignedIn{}, now, oauth.StoreFailed(err)
	}
	if user := sessionOf(usable(r, users), id); user != nil {
		return *user, now, nil
	}
	return identity.SignedIn{}, now, errNotSignedIn
}

var errNotSignedIn = oauth.NewError(oauth.LoginRequired, "Nobody is signed in with this session in this browser.")

// SignedIn returns the users who are signed in in a browser.
func (s *Service) SignedIn(ctx context.Context, browser Browser) ([]identity.SignedIn, error) {
	users, _, err := s.browsers.Find(ctx, browser.hashes()...)
	if err != nil {
		return nil, oauth.StoreFailed(err)
	}
	return users, nil
}

// SignOut ends all browser sessions of a browser, and the sessions that clients got from them, except for those that
// work without the user (offline_access).
func (s *Service) SignOut(ctx context.Context, browser Browser) error {
	users, err := s.SignedIn(ctx, browser)
	if err != nil {
		return err
	}
	for _, user := range users {
		if _, err := s.browsers.End(ctx, user.ID, identity.EndedBySignOut, false); err != nil {
			return oauth.StoreFailed(err)
		}
	}
	return nil
}
