package accounts

import (
	"context"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Export is all personal data of a user. It contains no hashes or secrets, no events of the audit log, which
// belongs to the operator, and no ended sessions, which will be purged.
type Export struct {
	At          time.Time         `json:"exported_at"`
	Subject     string            `json:"sub"`
	Username    string            `json:"username,omitempty"`
	HasPassword bool              `json:"has_password"`
	Created     time.Time         `json:"created_at"`
	Roles       []string          `json:"roles"`
	Claims      identity.Claims   `json:"claims"`
	Profile     identity.Profile  `json:"profile"`
	Phone       *ExportedPhone    `json:"phone,omitempty"`
	Accounts    []ExportedAccount `json:"accounts"`
	Sessions    []ExportedSession `json:"sessions"`
	Browsers    []ExportedBrowser `json:"browser_sessions"`
	Consents    []ExportedConsent `json:"consents"`
}

// ExportedPhone is the phone number from a platform.
type ExportedPhone struct {
	Number   string    `json:"number"`
	Verified bool      `json:"verified"`
	SeenAt   time.Time `json:"seen_at"`
}

// ExportedAccount is the user's account at an app.
type ExportedAccount struct {
	Platform string    `json:"platform"`
	App      string    `json:"app"`
	OpenID   string    `json:"openid"`
	UnionID  string    `json:"unionid,omitempty"`
	LinkedAt time.Time `json:"linked_at"`
}

// ExportedSession is an active session at a client.
type ExportedSession struct {
	ExportedBrowser
	ClientID string `json:"client_id"`
	Scope    string `json:"scope,omitempty"`
}

// ExportedBrowser is an active session in a browser, or what a session at a client has in common with it.
type ExportedBrowser struct {
	ID         string    `json:"id"`
	Method     string    `json:"method"`
	Device     string    `json:"device,omitempty"`
	Platform   string    `json:"platform,omitempty"` // of the account that signed in
	App        string    `json:"app,omitempty"`      // of the account that signed in
	SignedInAt time.Time `json:"signed_in_at"`
	LastSeenAt time.Time `json:"last_seen_at"`
	ExpiresAt  time.Time `json:"expires_at"`
}

// ExportedConsent is what the user has allowed a client.
type ExportedConsent struct {
	ClientID  string    `json:"client_id"`
	Resource  string    `json:"resource,omitempty"`
	Scopes    []string  `json:"scopes"`
	Terms     string    `json:"terms,omitempty"` // the version that the user saw
	GrantedAt time.Time `json:"granted_at"`
}

// Export returns all personal data of the caller. It records an audit event first, and returns no data if that fails.
// See [Accounts] for its errors.
func (a *Accounts) Export(ctx context.Context, c Caller, p Proof) (Export, error) {
	user, err := a.enter(ctx, c)
	if err != nil {
		return Export{}, err
	}
	if err := a.prove(ctx, c, user, p); err != nil {
		return Export{}, err
	}
	held, err := a.gather(ctx, user)
	if err != nil {
		return Export{}, err
	}
	browsers, err := a.browsers.List(ctx, user.ID)
	if err != nil {
		return Export{}, oauth.StoreFailed(err)
	}
	consents, err := a.consents.List(ctx, user.ID)
	if err != nil {
		return Export{}, oauth.StoreFailed(err)
	}
	event := identity.Event{Kind: identity.EventExported, UserID: user.ID, ClientID: c.ClientID, SessionID: c.SessionID}
	if err := a.events.Record(ctx, event); err != nil {
		return Export{}, oauth.StoreFailed(err)
	}
	export := newExport(a.now(), user, held)
	export.addBrowsers(browsers, consents)
	return export, nil
}

func newExport(now time.Time, user identity.User, h held) Export {
	export := Export{
		At: now.UTC(), Subject: user.ID, Username: user.Username, HasPassword: user.PasswordHash != "",
		Created: user.CreatedAt.UTC(),
		Roles:   append([]string{}, user.Roles...), Claims: user.Claims, Profile: h.details.Profile,
		Accounts: make([]ExportedAccount, len(h.accounts)), Sessions: make([]ExportedSession, len(h.sessions)),
	}
	if phone := h.details.Phone; phone.Number != "" {
		export.Phone = &ExportedPhone{Number: phone.Number, Verified: phone.Verified, SeenAt: phone.SeenAt.UTC()}
	}
	for n, account := range h.accounts {
		export.Accounts[n] = ExportedAccount{
			Platform: account.Platform, App: account.App, OpenID: account.Subject, UnionID: account.UnionID,
			LinkedAt: account.CreatedAt.UTC(),
		}
	}
	for n, session := range h.sessions {
		export.Sessions[n] = exportSession(session)
	}
	return export
}

func exportSession(s identity.Session) ExportedSession {
	return ExportedSession{ClientID: s.ClientID, Scope: s.Scope, ExportedBrowser: ExportedBrowser{
		ID: s.ID, Method: s.Method, Device: s.Device, Platform: s.Account.Platform, App: s.Account.App,
		SignedInAt: s.AuthTime.UTC(), LastSeenAt: s.LastSeenAt.UTC(), ExpiresAt: s.ExpiresAt.UTC(),
	}}
}

// addBrowsers adds what concerns sign-ins in a browser.
func (e *Export) addBrowsers(browsers []identity.BrowserSession, consents []identity.Consent) {
	e.Browsers, e.Consents = make([]ExportedBrowser, len(browsers)), make([]ExportedConsent, len(consents))
	for n, b := range browsers {
		e.Browsers[n] = ExportedBrowser{
			ID: b.ID, Method: b.Method, Device: b.Device, Platform: b.Account.Platform, App: b.Account.App,
			SignedInAt: b.AuthTime.UTC(), LastSeenAt: b.LastSeenAt.UTC(), ExpiresAt: b.ExpiresAt.UTC(),
		}
	}
	for n, c := range consents {
		e.Consents[n] = ExportedConsent{ClientID: c.ClientID, Resource: c.Resource, Scopes: c.Scopes, Terms: c.Terms,
			GrantedAt: c.GrantedAt.UTC()}
	}
}
