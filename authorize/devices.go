package authorize

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"net/url"
	"strings"
	"time"

	"github.com/lingpai/lingpai/approval"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
)

// Devices is the device authorization grant (RFC 8628): a device without a browser shows a user code, and its user
// approves in a browser elsewhere.
type Devices struct {
	service  *Service
	requests *approval.Requests
}

// NewDevices returns the grant for the clients and browsers of a service, which keeps its requests in a store.
func NewDevices(service *Service, volatile identity.Volatile, now func() time.Time) *Devices {
	return &Devices{service, approval.New("device request", volatile, now)}
}

// deviceCodePrefix begins a device code. The user code and the base64url of a secret follow.
const deviceCodePrefix = "lp_dc_"

// Errors about user codes.
var (
	ErrUnknownUserCode = oauth.NewError(oauth.InvalidGrant, "There is no such user code, or it has expired.")
	ErrUsedUserCode    = oauth.NewError(oauth.InvalidGrant, "The request of this user code was already decided.")
)

// DeviceAuthorization is what a device gets for its request.
type DeviceAuthorization struct {
	DeviceCode string
	UserCode   string        // as people read it
	Lifetime   time.Duration // of the codes
	Interval   time.Duration // between two polls
}

// Start keeps the request of an authenticated client's device, which has sent it from an address (RFC 8628 §3.1). Its
// errors are oauth.Errors.
func (d *Devices) Start(ctx context.Context, client clients.Client, address, userAgent string,
	form url.Values) (DeviceAuthorization, error) {
	if !client.MayUse(oauth.GrantDeviceCode) {
		return DeviceAuthorization{}, oauth.NewError(oauth.UnauthorizedClient,
			"The client is not registered for "+oauth.GrantDeviceCode+".")
	}
	code, secret := newUserCode(), newSecret()
	r := Request{Client: client, UserCode: code}
	if err := d.service.readScope(&r, form); err != nil {
		return DeviceAuthorization{}, err
	}
	if !client.Confidential { // anybody can ask in its name
		if err := d.service.limiter.Count(ctx, limits.ByAddress(limits.DeviceRequests, address).
			About(identity.Event{ClientID: client.ID})); err != nil {
			return DeviceAuthorization{}, err
		}
	}
	interval, err := d.requests.Open(ctx, code, secret, approval.Request{ClientID: client.ID, Scope: r.Scope,
		Resource: r.Resource, Address: address, Device: signin.DeviceLabel(userAgent)})
	switch {
	case errors.Is(err, approval.ErrTooLarge):
		return DeviceAuthorization{}, invalid("scope and resource are too long together.")
	case err != nil: // that a random code is in use would be a wonder
		return DeviceAuthorization{}, oauth.StoreFailed(err)
	}
	return DeviceAuthorization{deviceCodePrefix + code + base64.RawURLEncoding.EncodeToString(secret),
		shownUserCode(code), approval.Lifetime, interval}, nil
}

// Find returns the request of a user code that somebody has entered in a browser, from an address. It counts wrong
// codes. It returns ErrUnknownUserCode or another oauth.Error, with the client if that is what may not use the grant.
func (d *Devices) Find(ctx context.Context, form url.Values, browser Browser, address string) (Request, error) {
	if err := checkLocales(form); err != nil {
		return Request{}, err
	}
	code, ok := parseUserCode(form.Get("user_code"))
	if !ok { // nobody's, which tells a guesser nothing
		return Request{}, ErrUnknownUserCode
	}
	state, err := d.guess(ctx, code, browser, address)
	if err != nil {
		return Request{}, err
	}
	client, err := d.service.findClient(ctx, state.ClientID)
	switch {
	case err != nil:
		return Request{}, err
	case !client.MayUse(oauth.GrantDeviceCode):
		return Request{Client: client}, oauth.NewError(oauth.UnauthorizedClient,
			"The client may no longer use devices.")
	}
	r := Request{Client: client, UserCode: shownUserCode(code), Scope: client.Retained(state.Scope),
		Resource: state.Resource, Address: state.Address, Device: state.Device, MaxAge: -1,
		Decided: state.Decision.Status != approval.Pending}
	r.setCarried(url.Values{"user_code": {r.UserCode}}, form.Get("ui_locales"))
	return r, nil
}

// guess finds the request of a user code. It counts each before it looks, and gives back those that were right.
func (d *Devices) guess(ctx context.Context, code string, browser Browser, address string) (approval.State, error) {
	by := limits.Of(limits.AllUserCodes)
	if len(browser.sessions) > 0 {
		users, err := d.service.SignedIn(ctx, browser)
		if err != nil {
			return approval.State{}, err
		}
		if len(users) > 0 {
			by = limits.Of(limits.UserCodesUser, users[0].UserID).About(identity.Event{UserID: users[0].UserID})
		}
	}
	counted := []limits.Uses{limits.ByAddress(limits.UserCodes, address), by}
	if err := d.service.limiter.CountEach(ctx, counted...); err != nil {
		return approval.State{}, err
	}
	state, err := d.requests.Find(ctx, code)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return state, ErrUnknownUserCode
	case err != nil:
		err = oauth.StoreFailed(err)
	}
	d.service.limiter.GiveBack(ctx, counted...)
	return state, err
}

// Decide approves or denies a request for the user of one of the browser's sessions. It returns oauth.LoginRequired if
// nobody is signed in with it in this browser, oauth.AccessDenied for an approval if they were signed in by a scan,
// ErrUnknownUserCode and ErrUsedUserCode.
func (d *Devices) Decide(ctx context.Context, r Request, browser Browser, session string, approved bool) error {
	user, _, err := d.service.signedIn(ctx, r, browser, session)
	if err != nil {
		return err
	}
	if approved && user.Method == identity.MethodScan {
		return errApprovedByScan
	}
	decision := approval.Deny(user)
	if approved {
		decision = approval.Approve(user)
	}
	code, _ := parseUserCode(r.UserCode)
	switch err := d.requests.Decide(ctx, code, decision); {
	case errors.Is(err, approval.ErrDecided):
		return ErrUsedUserCode
	case errors.Is(err, identity.ErrNotFound):
		return ErrUnknownUserCode
	case err != nil:
		return oauth.StoreFailed(err)
	}
	return nil
}

// Errors about device codes (RFC 8628 §3.5).
var (
	errBadDeviceCode = oauth.NewError(oauth.InvalidGrant, "The device_code is not one of this server, or was not "+
		"issued to this client.")
	errPending  = oauth.NewError(oauth.AuthorizationPending, "The user has not decided yet.")
	errSlowDown = oauth.NewError(oauth.SlowDown, "The device polls too fast: wait 5 seconds longer from now on.")
	errDenied   = oauth.NewError(oauth.DeviceDenied, "The user did not consent.")
	errExpired  = oauth.NewError(oauth.ExpiredToken, "The device_code has expired. Start again at the device "+
		"authorization endpoint.")
)

// Approved returns the request of a client's device code with its approval, or an oauth.Error with the status that
// RFC 8628 §3.5 has for it.
func (d *Devices) Approved(ctx context.Context, client clients.Client, deviceCode string) (approval.State, error) {
	code, ok := strings.CutPrefix(deviceCode, deviceCodePrefix)
	if !ok || len(code) < userCodeSize {
		return approval.State{}, errBadDeviceCode
	}
	secret, err := base64.RawURLEncoding.Strict().DecodeString(code[userCodeSize:])
	if err != nil || len(secret) != secretSize || strings.ContainsAny(code, "\r\n") {
		return approval.State{}, errBadDeviceCode
	}
	state, err := d.requests.Poll(ctx, code[:userCodeSize], secret)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return state, errExpired
	case errors.Is(err, approval.ErrTooFast):
		return state, errSlowDown
	case err != nil:
		return state, oauth.StoreFailed(err)
	case state.ClientID != client.ID:
		return state, errBadDeviceCode
	case state.Decision.Status == approval.Denied:
		return state, errDenied
	case state.Decision.Status == approval.Pending:
		return state, errPending
	}
	return state, nil
}

// DeviceOpenedBy returns the value by which the session of a device code is found. It depends on no secret that
// rotates, so that a code is used once whatever rotates meanwhile.
func DeviceOpenedBy(deviceCode string) []byte {
	sum := sha256.Sum256([]byte(deviceCode))
	return sum[:]
}
