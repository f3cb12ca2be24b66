package accounts

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Me is what people see of themselves. Days are enough for that, and they are UTC's.
type Me struct {
	Subject       string           `json:"sub"`
	Username      string           `json:"username,omitempty"`
	HasPassword   bool             `json:"has_password"`
	Profile       identity.Profile `json:"profile"`
	EmailVerified bool             `json:"email_verified"` // never: nobody has checked it
	Phone         *Phone           `json:"phone,omitempty"`
	Accounts      []Linked         `json:"accounts"`
	Created       string           `json:"created"`
	LastSeen      string           `json:"last_seen,omitempty"`
}

// Phone is a number that a platform said is the person's.
type Phone struct {
	Number   string `json:"number"`
	Verified bool   `json:"verified"`
	Seen     string `json:"seen"` // the day when the platform said so; numbers pass on to other people
}

// Linked is an account that signs in the person. The subject at its platform is told by Export only.
type Linked struct {
	Platform string `json:"platform"`
	App      string `json:"app"`
	Since    string `json:"since"`
}

// Profile tells the caller what is known of him. The refusals of the caller; oauth.TemporarilyUnavailable.
func (a *Accounts) Profile(ctx context.Context, c Caller) (Me, error) {
	user, err := a.enter(ctx, c)
	if err != nil {
		return Me{}, err
	}
	return a.me(ctx, c, user)
}

// SetProfile replaces all of the profile by what the caller wants, in its composed form; from then on no
// platform's word changes it. A caller without the scope email neither sees nor changes the address.
// oauth.InvalidRequest, the refusals of the caller; oauth.TemporarilyUnavailable.
func (a *Accounts) SetProfile(ctx context.Context, c Caller, profile identity.Profile) (Me, error) {
	profile, err := CheckProfile(profile)
	if err != nil {
		return Me{}, err
	}
	user, err := a.enter(ctx, c)
	if err != nil {
		return Me{}, err
	}
	if !oauth.HasScope(c.Scope, oauth.ScopeEmail) {
		if profile.Email != "" {
			return Me{}, oauth.NewError(oauth.InvalidRequest, "To set email the access token needs the scope email.")
		}
		known, err := a.profiles.Find(ctx, user.ID)
		if err != nil {
			return Me{}, oauth.StoreFailed(err)
		}
		profile.Email = known.Email
	}
	if err := a.profiles.Choose(ctx, user.ID, profile); err != nil {
		return Me{}, userFailed(err)
	}
	return a.me(ctx, c, user)
}

// me tells no more than the caller's scope allows, as a token goes to other servers too.
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
	if phone := held.details.Phone; phone.Number != "" && oauth.HasScope(c.Scope, oauth.ScopePhone) {
		me.Phone = &Phone{Number: phone.Number, Verified: phone.Verified, Seen: day(phone.SeenAt)}
	}
	if len(held.sessions) > 0 { // the most recently seen is first
		me.LastSeen = day(held.sessions[0].LastSeenAt)
	}
	return me, nil
}

// held is what the stores have of a user beside the user.
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
