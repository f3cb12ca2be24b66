package authorize

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
)

// HandOffs lets a mini-program hand its session to its web-view, which shares no cookies with it, for one client: the
// mini-program gets a ticket for its access token, and opens a page of this server with it. The ticket is stored
// nowhere. It contains the id of the browser session that it opens, so it opens only one.
type HandOffs struct {
	service  *Service
	users    identity.Users
	profiles identity.Profiles
}

// NewHandOffs returns the hand-offs to the browsers of a service.
func NewHandOffs(service *Service, users identity.Users, profiles identity.Profiles) *HandOffs {
	return &HandOffs{service, users, profiles}
}

const (
	// TicketLifetime is how long a ticket can be used.
	TicketLifetime = 30 * time.Second
	// askedFor is how long the user may take to answer the page.
	askedFor = 10 * time.Minute

	ticketPrefix  = "lp_ht_"
	ticketPurpose = "hand-off ticket"
	askedPurpose  = "hand-off"
	maxTicket     = 1024
	maxTarget     = 2048
)

// ticket is what a ticket says. The names of its JSON members are short, since it is in a URL.
type ticket struct {
	ClientID string `json:"c"` // that the browser session is for
	UserID   string `json:"u"`
	Epoch    int64  `json:"e"`
	Session  string `json:"s"` // id of the mini-program's session
	Opens    string `json:"b"` // id of the browser session
	Random   []byte `json:"r"` // from which the secret of the browser session is derived
	Expires  int64  `json:"x"` // Unix time in milliseconds
}

// Errors of hand-offs.
var (
	// ErrNoHandOff is about a ticket that this browser cannot use, or not any more.
	ErrNoHandOff = oauth.NewError(oauth.InvalidGrant, "The ticket was already used, or it has expired, or the "+
		"mini-program's session has ended. Open the page in the mini-program again.")
	// ErrForeignTarget is about an address that is not the client's.
	ErrForeignTarget = invalid("target_link_uri is not at the site: it needs the scheme, host and port of " +
		"initiate_login_uri.")

	errNoSite = oauth.NewError(oauth.InvalidTarget, "audience must be the client_id of an enabled client that has an "+
		"initiate_login_uri.")
)

// Ticket returns a ticket for a mini-program's session, with which its user can be signed in at a client, in one
// browser. now is the store's time. Its errors are oauth.InvalidTarget, oauth.TooManyRequests and
// oauth.TemporarilyUnavailable.
func (h *HandOffs) Ticket(ctx context.Context, session identity.Session, now time.Time, clientID string) (string,
	error) {
	if _, err := h.site(ctx, clientID); err != nil {
		return "", err
	}
	uses := limits.Of(limits.HandOffs, session.UserID).
		About(identity.Event{UserID: session.UserID, ClientID: session.ClientID})
	if err := h.service.limiter.Count(ctx, uses); err != nil {
		return "", err
	}
	user, err := h.users.Find(ctx, session.UserID)
	if err != nil {
		h.service.limiter.GiveBack(ctx, uses)
		return "", oauth.StoreFailed(err)
	}
	sealed, err := h.seal(ticketPurpose, nil, ticket{ClientID: clientID, UserID: user.ID, Epoch: user.AuthEpoch,
		Session: session.ID, Opens: identity.NewSessionID(), Random: newSecret(),
		Expires: now.Add(TicketLifetime).UnixMilli()})
	return ticketPrefix + sealed, err
}

// site returns a client to which a session can be handed, or oauth.InvalidTarget.
func (h *HandOffs) site(ctx context.Context, id string) (clients.Client, error) {
	client, err := h.service.findClient(ctx, id)
	switch {
	case errors.Is(err, oauth.InvalidClient), err == nil && client.InitiateLoginURI == "":
		return client, errNoSite
	case err == nil && !client.MayUse(oauth.GrantAuthorizationCode):
		return client, errNoSite
	}
	return client, err
}

func (h *HandOffs) seal(purpose string, context []byte, t ticket) (string, error) {
	plain, err := json.Marshal(t)
	if err != nil {
		return "", err
	}
	return seal(h.service.keys.Current(), purpose, context, plain)
}

func (h *HandOffs) unseal(purpose string, context []byte, text string) (ticket, error) {
	var t ticket
	if len(text) > maxTicket {
		return t, ErrNoHandOff
	}
	plain, err := unseal(h.service.keys.Current(), purpose, context, text)
	if err != nil || json.Unmarshal(plain, &t) != nil {
		return t, ErrNoHandOff
	}
	return t, nil
}

// HandOff is a mini-program's session on its way into a browser.
type HandOff struct {
	Request Request
	User    identity.User       // of the session; zero if Here
	Here    bool                // the user is signed in in this browser, so that there is nothing to ask
	Others  []identity.SignedIn // who else is
	Start   string              // URL at which the client begins a sign-in

	opens   identity.BrowserSession
	random  []byte  // of the ticket
	browser Browser // without sessions that have ended; if Here, with the user's before all others
}

// Parameters of the page of a hand-off.
const (
	ticketParameter = "ticket"
	askedParameter  = "handoff" // the ticket, once it is in this browser
	targetParameter = "target_link_uri"
)

// Read reads the address with which a mini-program has opened a browser, or that of the page to which it has led. It
// changes nothing. A user who swipes back to it, and is signed in by then, goes on, although the ticket was used. It
// returns ErrNoHandOff, ErrForeignTarget and other oauth.Errors.
func (h *HandOffs) Read(ctx context.Context, form url.Values, browser Browser) (HandOff, error) {
	if err := checkForm(form, []string{ticketParameter, askedParameter, targetParameter}); err != nil {
		return HandOff{}, err
	}
	t, err := h.ticketIn(form, browser)
	if err != nil {
		return HandOff{}, err
	}
	client, err := h.site(ctx, t.ClientID)
	if err != nil {
		return HandOff{}, err
	}
	off, target := HandOff{Request: Request{Client: client, MaxAge: -1}}, form.Get(targetParameter)
	if off.Start, err = startOf(client, h.service.name, target); err != nil {
		return HandOff{}, err
	}
	all, now, err := h.service.browsers.Find(ctx, browser.hashes()...)
	if err != nil {
		return HandOff{}, oauth.StoreFailed(err)
	}
	off.browser, off.Others = browser.Only(all), usable(off.Request, all)
	if n := slices.IndexFunc(off.Others, func(user identity.SignedIn) bool { return user.UserID == t.UserID }); n >= 0 {
		off.Here, off.browser = true, off.browser.first(off.Others[n].SecretHash)
		return off, nil
	}
	if err := h.prepare(ctx, &off, t, now); err != nil {
		return HandOff{}, err
	}
	asked := form.Get(askedParameter)
	if form.Has(ticketParameter) {
		t.Expires = now.Add(askedFor).UnixMilli()
		if asked, err = h.seal(askedPurpose, browser.own, t); err != nil {
			return HandOff{}, err
		}
	}
	kept := url.Values{askedParameter: {asked}}
	if target != "" {
		kept.Set(targetParameter, target)
	}
	off.Request.setCarried(kept, form.Get("ui_locales"))
	return off, nil
}

// ticketIn returns the ticket in the parameters of a page, or ErrNoHandOff.
func (h *HandOffs) ticketIn(form url.Values, browser Browser) (ticket, error) {
	if !form.Has(ticketParameter) {
		return h.unseal(askedPurpose, browser.own, form.Get(askedParameter))
	}
	sealed, ok := strings.CutPrefix(form.Get(ticketParameter), ticketPrefix)
	if !ok {
		return ticket{}, ErrNoHandOff
	}
	return h.unseal(ticketPurpose, nil, sealed)
}

// prepare sets the user of a hand-off and the browser session that it opens. It returns ErrNoHandOff if the ticket has
// expired, the mini-program's session has ended, its user has changed, or its client may not hand it off any more.
func (h *HandOffs) prepare(ctx context.Context, off *HandOff, t ticket, now time.Time) error {
	if !now.Before(time.UnixMilli(t.Expires)) {
		return ErrNoHandOff
	}
	session, active, err := sessionMay(ctx, h.service, t.Session, oauth.ScopeSignInHandOff)
	switch {
	case err != nil:
		return oauth.StoreFailed(err)
	case !active:
		return ErrNoHandOff
	}
	off.User, err = h.users.Find(ctx, session.UserID)
	switch {
	case errors.Is(err, identity.ErrNotFound), err == nil && off.User.AuthEpoch != t.Epoch:
		return ErrNoHandOff
	case err != nil:
		return oauth.StoreFailed(err)
	}
	off.opens = identity.BrowserSession{ID: t.Opens, UserID: session.UserID, Epoch: t.Epoch, Account: session.Account,
		ClientID: t.ClientID, HandedBy: session.ID, Method: identity.MethodHandOff, AuthTime: session.AuthTime,
		ExpiresAt: session.ExpiresAt}
	off.random = t.Random
	return nil
}

// startOf returns the URL at which a client begins a sign-in (OpenID Connect Core §4), to lead to a target in the end.
// Clients must check the target themselves; one that forgets to must still not send people to another site.
func startOf(client clients.Client, issuer, target string) (string, error) {
	start, err := url.Parse(client.InitiateLoginURI)
	if err != nil {
		return "", errNoSite
	}
	query := start.Query()
	query.Set("iss", issuer)
	if target != "" {
		if !isAt(start, target) {
			return "", ErrForeignTarget
		}
		query.Set(targetParameter, target)
	}
	start.RawQuery = query.Encode()
	return start.String(), nil
}

// isAt reports whether a target is a URL at the site of another one.
func isAt(site *url.URL, target string) bool {
	if len(target) > maxTarget || !oauth.Visible(target) {
		return false
	}
	to, err := url.Parse(target)
	return err == nil && to.Scheme == site.Scheme && to.Host == site.Host && to.User == nil
}

// Nickname returns what the user of a hand-off is called, if they have no user name; "" if that is not known. Anyone
// can choose it.
func (h *HandOffs) Nickname(ctx context.Context, off HandOff) string {
	if off.User.Username != "" {
		return ""
	}
	profile, err := h.profiles.Find(ctx, off.User.ID)
	if err != nil { // the id has to do
		h.service.logger.WarnContext(ctx, "cannot read the profile of a user", "user", off.User.ID, "error",
			err)
	}
	return profile.Nickname
}

// Browser returns the browser, if Here with the session of the user before all others: the client then gets that user,
// although somebody else may have signed in later.
func (off HandOff) Browser() Browser { return off.browser }

// Accept signs the user of a hand-off in, on a browser that describes itself as a device, for the client alone. The
// session lasts no longer than the mini-program's. A browser that repeats its form gets the same session again. Besides
// ErrNoHandOff it returns the errors of [signin.Service.Admit].
func (h *HandOffs) Accept(ctx context.Context, off HandOff, device string) (Browser, error) {
	browser := off.browser
	request := signin.Request{Client: off.Request.Client, Device: device}
	if err := h.service.signIn.Admit(ctx, request, off.User); err != nil {
		return browser, err
	}
	off.opens.Device = device
	mac := hmac.New(sha256.New, browser.own)
	_, _ = mac.Write(off.random) // never returns an error (hash.Hash)
	secret := mac.Sum(nil)
	opened, _, err := h.service.open(ctx, off.Request, browser, "", off.opens, secret)
	if !errors.Is(err, identity.ErrExists) {
		return opened, err
	}
	repeated := browser.with(secret, browser.hashes()...)
	users, _, err := h.service.browsers.Find(ctx, sha256.Sum256(secret))
	switch {
	case err != nil:
		return browser, oauth.StoreFailed(err)
	case len(users) == 0: // another browser's
		return browser, ErrNoHandOff
	}
	return repeated, nil
}
