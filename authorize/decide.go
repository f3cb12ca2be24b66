package authorize

import (
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Step is what a request is answered with next.
type Step int

// The steps.
const (
	StepSignIn  Step = iota // ask the user to sign in
	StepChoose              // ask which of several users it is
	StepConsent             // ask whether the client may
	StepCode                // answer with a code
	StepError               // answer with an error
)

// situation is everything that a decision depends on.
type situation struct {
	sessions []identity.SignedIn // of the browser, the last used first
	seen     Seen
	consents func(user identity.SignedIn) (bool, error) // reports whether the user has allowed all that is requested
	now      time.Time
	classes  identity.ContextClasses
}

// decision is the result of decide.
type decision struct {
	step   Step
	user   identity.SignedIn   // who is signed in; for StepSignIn the one who must sign in again; zero if not known
	users  []identity.SignedIn // for StepChoose
	failed *oauth.Error        // for StepError
}

// decide decides what a request is answered with. It is a pure function of its arguments. With prompt=none, an error
// takes the place of a page.
func decide(r Request, at situation) (decision, error) {
	candidates := slices.DeleteFunc(slices.Clone(at.sessions), func(s identity.SignedIn) bool {
		return !r.mayBeAbout(s.UserID)
	})
	user, chosen := choose(r, candidates, at.seen)
	switch other := sessionOf(at.sessions, at.seen.Chosen); {
	case sessionOf(candidates, at.seen.Chosen) == nil && other != nil:
		return decision{step: StepError, user: *other, failed: errAnotherUser}, nil
	case len(candidates) == 0:
		return r.page(decision{step: StepSignIn}, oauth.LoginRequired, "Nobody is signed in."), nil
	case !chosen:
		return r.page(decision{step: StepChoose, users: candidates}, oauth.AccountSelectionRequired,
			"Several users are signed in."), nil
	case !fresh(r, user, at) || !r.accepts(at.classes[user.Method]):
		return r.page(decision{step: StepSignIn, user: user}, oauth.LoginRequired, "The user must sign in again."), nil
	}
	allowed := at.seen.Consented && at.seen.Chosen == user.ID || !r.asks(promptConsent) && r.Remembers()
	allowed = allowed && !r.Elsewhere()
	if allowed { // unless it was withdrawn since
		var err error
		if allowed, err = at.consents(user); err != nil {
			return decision{}, err
		}
	}
	if !allowed {
		return r.page(decision{step: StepConsent, user: user}, oauth.ConsentRequired, "The user must consent."), nil
	}
	return decision{step: StepCode, user: user}, nil
}

// errAnotherUser is required by OpenID Connect Core §3.1.2.1. Another page would ask for ever.
var errAnotherUser = oauth.NewError(oauth.LoginRequired, "Another user has signed in than id_token_hint or claims "+
	"names.")

// sessionOf returns the session with an id, or nil.
func sessionOf(sessions []identity.SignedIn, id string) *identity.SignedIn {
	if n := slices.IndexFunc(sessions, func(s identity.SignedIn) bool { return s.ID == id }); n >= 0 {
		return &sessions[n]
	}
	return nil
}

// page returns a decision for a page, or an error if no page may be shown.
func (r Request) page(d decision, code oauth.Code, description string) decision {
	if r.Silent() {
		return decision{step: StepError, failed: oauth.NewError(code, description)}
	}
	return d
}

// choose returns the user that the request is answered for; false if the browser has to ask. If the session that was
// chosen has ended, nobody else takes its place unasked. If the last one to come did so by a hand-off for this client,
// they were asked then, and go on unless the client hints at somebody else.
func choose(r Request, candidates []identity.SignedIn, seen Seen) (identity.SignedIn, bool) {
	if chosen := sessionOf(candidates, seen.Chosen); chosen != nil {
		return *chosen, true
	}
	handedOver := len(candidates) > 0 && candidates[0].ClientID != "" &&
		(r.LoginHint == "" || r.LoginHint == candidates[0].User.Username)
	if len(candidates) != 1 && !handedOver || seen.Chosen != "" || r.asks(promptSelectAccount) {
		return identity.SignedIn{}, false
	}
	return candidates[0], true
}

// fresh reports whether a user signed in recently enough. A sign-in after the request was first seen always is: the
// store's clock has measured both. A hand-off is no sign-in: its user may have signed in long before, or meanwhile, in
// the mini-program.
func fresh(r Request, user identity.SignedIn, at situation) bool {
	if user.Method != identity.MethodHandOff && !at.seen.At.IsZero() && !user.AuthTime.Before(at.seen.At) {
		return true
	}
	return !r.asks(promptLogin) && (r.MaxAge < 0 || at.now.Sub(user.AuthTime) <= r.MaxAge)
}

// Remembers reports whether an earlier consent counts, or that of the operator who registered a client of their own. It
// does not if the client asks every time, or if any program of the user's device can play the client (RFC 8252 §8.6).
func (r Request) Remembers() bool {
	return !r.Client.AlwaysConsent && (r.Client.Confidential || r.Reach() == ReachHost)
}

// covers reports whether a consent allows all scopes, under the current terms.
func covers(consent identity.Consent, scopes []string, terms string) bool {
	return consent.Terms == terms && !slices.ContainsFunc(scopes, func(name string) bool {
		return !slices.Contains(consent.Scopes, name)
	})
}
