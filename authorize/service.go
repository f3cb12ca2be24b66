package authorize

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/tokens"
)

// Config holds the dependencies of a Service. All fields but Terms are required.
type Config struct {
	Issuer    string
	Clients   *clients.Registry
	SignIn    *signin.Service
	Browsers  identity.BrowserSessions
	Sessions  identity.Sessions
	Consents  identity.Consents
	Tokens    *tokens.Issuer
	Keys      tokens.Keys
	Lifetimes identity.Lifetimes // of a browser session
	Volatile  identity.Volatile  // keeps pushed requests
	Limiter   *limits.Limiter
	Terms     string // the version of the terms that a consent is given under; "": none
	Logger    *slog.Logger
	Methods   []string // by which users can sign in in a browser
}

// Service answers authorization requests. It is safe for concurrent use.
type Service struct {
	name      string // the issuer
	clients   *clients.Registry
	signIn    *signin.Service
	browsers  identity.BrowserSessions
	sessions  identity.Sessions
	consents  identity.Consents
	issuer    *tokens.Issuer
	keys      tokens.Keys
	lifetimes identity.Lifetimes
	pushed    pushedRequests
	limiter   *limits.Limiter
	terms     string
	classes   identity.ContextClasses
	methods   []string
	logger    *slog.Logger
}

// New returns a Service.
func New(c Config) *Service {
	return &Service{name: c.Issuer, clients: c.Clients, signIn: c.SignIn, browsers: c.Browsers, sessions: c.Sessions,
		consents: c.Consents, issuer: c.Tokens, keys: c.Keys, lifetimes: c.Lifetimes,
		pushed: pushedRequests{c.Volatile}, limiter: c.Limiter, terms: c.Terms,
		classes: tokens.ContextClasses(c.Tokens), methods: c.Methods, logger: c.Logger}
}

// SessionLife returns how long a browser session lasts at most.
func (s *Service) SessionLife() time.Duration { return s.lifetimes.Absolute }

// Next is what a request is answered with: an Answer for the client, or a page.
type Next struct {
	Step  Step
	User  identity.SignedIn   // who is signed in; for StepSignIn the one who must sign in again, if known
	Users []identity.SignedIn // for StepChoose
	Now   time.Time           // by the store's clock

	failed *oauth.Error  // for StepError
	seen   func() string // for pages
}

// Seen returns what goes with the request to a page: what the browser has done for it.
func (n Next) Seen() string { return n.seen() }

// Judge decides what a request is answered with. It issues nothing: a page is judged each time that it is shown. seen
// is what a page of this browser got before, or "". It returns oauth.TemporarilyUnavailable if the store fails.
func (s *Service) Judge(ctx context.Context, r Request, browser Browser, seen string) (Next, error) {
	users, now, err := s.browsers.Find(ctx, browser.hashes()...)
	if err != nil {
		return Next{}, oauth.StoreFailed(err)
	}
	at := situation{sessions: usable(r, users), seen: s.readSeen(seen, r, browser, now), now: now,
		classes:  s.classes,
		consents: func(user identity.SignedIn) (bool, error) { return s.consented(ctx, r, user) }}
	decided, err := decide(r, at)
	if err != nil {
		return Next{}, err
	}
	signedIn := decided.user.ID != "" && decided.step != StepSignIn
	if signedIn && !decided.user.TouchedRecently(now) {
		if err := s.browsers.Touch(ctx, decided.user.ID, s.lifetimes.Idle); err != nil {
			s.logger.WarnContext(ctx, "cannot extend a browser session", "error", err)
		}
	}
	next := Next{Step: decided.step, User: decided.user, Users: decided.users, Now: now, failed: decided.failed}
	if at.seen.At.IsZero() {
		at.seen.At = now
	}
	next.seen = func() string { return s.writeSeen(at.seen, r, browser) }
	return next, nil
}

// Answer returns the answer for the client at StepCode, with a new code, and at StepError. A pushed request is used up
// by its code (RFC 9126 §4).
func (s *Service) Answer(ctx context.Context, r Request, next Next) (Answer, error) {
	if next.Step == StepError {
		return s.Refuse(r, next.failed), nil
	}
	code, err := newCode(s.keys.Current(), r, next.User, next.Now)
	switch {
	case errors.Is(err, errCodeTooLong):
		return s.Refuse(r, invalid("nonce, scope, resource and claims are too long together.")), nil
	case err != nil:
		return Answer{}, err
	}
	if r.pushed != "" {
		if err := s.pushed.take(ctx, r.pushed); err != nil {
			return Answer{}, err
		}
	}
	return r.answer(s.name, "code", code), nil
}

// Refuse returns the answer with an error (RFC 6749 §4.1.2.1). The request must be Proved.
func (s *Service) Refuse(r Request, failure *oauth.Error) Answer {
	answer := r.answer(s.name, "error", failure.Code.Error())
	if failure.Description != "" {
		answer.Parameters.Set("error_description", failure.Description)
	}
	return answer
}

// sessionMay returns a client's session, and reports whether it is active, and the client enabled and still one whose
// sessions may have a scope.
func sessionMay(ctx context.Context, s *Service, id, scope string) (identity.Session, bool, error) {
	session, now, err := s.sessions.Find(ctx, id)
	active := err == nil && session.Active(now)
	if active {
		var client clients.Client
		client, err = s.clients.Find(ctx, session.ClientID)
		active = err == nil && !client.Disabled() && oauth.HasScope(client.Retained(session.Scope), scope)
	}
	if errors.Is(err, identity.ErrNotFound) {
		return session, false, nil
	}
	return session, active, err
}

// consented reports whether a user need not be asked: because the client is the operator's own, or because the user has
// allowed everything before.
func (s *Service) consented(ctx context.Context, r Request, user identity.SignedIn) (bool, error) {
	if r.Client.FirstParty {
		return true, nil
	}
	consent, err := s.consents.Find(ctx, user.UserID, r.Client.ID, r.Resource)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return false, nil
	case err != nil:
		return false, oauth.StoreFailed(err)
	}
	return covers(consent, r.Scopes(), s.terms), nil
}
