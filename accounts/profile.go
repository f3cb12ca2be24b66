package accounts

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Me is what users see about themselves. Times are UTC dates (2006-01-02).
type Me struct {
	Subject       string           `json:"sub"`
	Username      string           `json:"username,omitempty"`
	HasPassword   bool             `json:"has_password"`
	Profile       identity.Profile `json:"profile"`
	EmailVerified bool             `json:"email_verified"` // always false: addresses are not verified
	Phone         *Phone           `json:"phone,omitempty"`
	Accounts      []Linked         `json:"accounts"`
	Created       string           `json:"created"`
	LastSeen      string           `json:"last_seen,omitempty"`
}

// Phone is the user's phone number according to a platform.
type Phone struct {
	Number   string `json:"number"`
	Verified bool   `json:"verified"`
	Seen     string `json:"seen"` // UTC date when the platform sent it; numbers are reassigned to other people
}

// Linked is an account with which the user signs in. Only [Accounts.Export] returns its subject at the platform.
type Linked struct {
	Platform string `json:"platform"`
	App      string `json:"app"`
	Since    string `json:"since"`
}

// Profile returns what users see about themselves. See [Accounts] for its errors.
func (a *Accounts) Profile(ctx context.Context, c Caller) (Me, error) {
	user, err := a.enter(ctx, c)
	if err != nil {
		return Me{}, err
	}
	return a.me(ctx, c, user)
}

// SetProfile replaces the whole profile. From then on data from platforms does not change it. A caller without the
// scope email or address neither sees nor changes what the scope is for. Besides the errors of [Accounts], SetProfile
// returns oauth.InvalidRequest if a field is invalid or its scope is missing.
func (a *Accounts) SetProfile(ctx context.Context, c Caller, profile identity.Profile) (Me, error) {
	profile, err := CheckProfile(profile)
	if err != nil {
		return Me{}, err
	}
	user, err := a.enter(ctx, c)
	if err != nil {
		return Me{}, err
	}
	if profile, err = a.withHidden(ctx, c, profile); err != nil {
		return Me{}, err
	}
	if err := a.profiles.Choose(ctx, user.ID, profile); err != nil {
		return Me{}, userFailed(err)
	}
	return a.me(ctx, c, user)
}

// withHidden adds to a new profile what the caller may neither see nor change. It returns oauth.InvalidRequest if the
// caller has set some of it.
func (a *Accounts) withHidden(ctx context.Context, c Caller, profile identity.Profile) (identity.Profile, error) {
	email, address := oauth.HasScope(c.Scope, oauth.ScopeEmail), oauth.HasScope(c.Scope, oauth.ScopeAddress)
	switch {
	case email && address:
		return profile, nil
	case !email && profile.Email != "":
		return profile, oauth.NewError(oauth.InvalidRequest, "Setting email needs a sign-in with the scope email.")
	case !address && profile.Address != "":
		return profile, oauth.NewError(oauth.InvalidRequest, "Setting address needs a sign-in with the scope address.")
	}
	known, err := a.profiles.Find(ctx, c.UserID)
	if err != nil {
		return profile, oauth.StoreFailed(err)
	}
	if !email {
		profile.Email = known.Email
	}
	if !address {
		profile.Address = known.Address
	}
	return profile, nil
}

// me returns only what the caller's scope allows.
func (a *Accounts) me(ctx context.Context, c Caller, user identity.User) (Me, error) {
	held, err := a.gather(ctx, user)
	if err != nil {
		return Me{}, err
	}
	me := Me{
		Subject: user.ID, Username: user.Username, HasPassword: user.PasswordHash != "", Profile: held.details.Profile,
		Accounts: make([]Linked, len(held.accounts)), Created: day(user.CreatedAt),
	}
	for n, account := range held.accounts {
		me.Accounts[n] = Linked{Platform: account.Platform, App: account.App, Since: day(account.CreatedAt)}
	}
	if !oauth.HasScope(c.Scope, oauth.ScopeEmail) {
		me.Profile.Email = ""
	}
	if !oauth.HasScope(c.Scope, oauth.ScopeAddress) {
		me.Profile.Address = ""
	}
	if phone := held.details.Phone; phone.Number != "" && oauth.HasScope(c.Scope, oauth.ScopePhone) {
		me.Phone = &Phone{Number: phone.Number, Verified: phone.Verified, Seen: day(phone.SeenAt)}
	}
	if len(held.sessions) > 0 { // the most recently used is first
		me.LastSeen = day(held.sessions[0].LastSeenAt)
	}
	return me, nil
}

// held is a user's stored data besides the user's own record.
type held struct {
	details  identity.Details
	accounts []identity.Account
	sessions []identity.Session
}

func (a *Accounts) gather(ctx context.Context, user identity.User) (h held, err error) {
	if h.details, err = a.profiles.Find(ctx, user.ID); err != nil {
		return held{}, oauth.StoreFailed(err)
	}
	if h.accounts, err = a.links.List(ctx, user.ID); err != nil {
		return held{}, oauth.StoreFailed(err)
	}
	if h.sessions, err = a.sessions.List(ctx, user.ID); err != nil {
		return held{}, oauth.StoreFailed(err)
	}
	return h, nil
}

func day(at time.Time) string { return at.UTC().Format(time.DateOnly) }
