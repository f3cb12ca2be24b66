package grants

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/go-oauth2/oauth2/v4"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/access/wechatdata"
	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/tokens"
)

// Types lists the supported grant types.
func Types() []string { return append(oauth.GrantTypes(), oauth.GrantWechatCodeURN) }

// Config holds the dependencies of a Manager. All fields but Meter are required.
type Config struct {
	Clients    *clients.Registry
	SignIn     *signin.Service
	Devices    *authorize.Devices
	HandOffs   *authorize.HandOffs
	Access     *access.Service
	WechatData *wechatdata.Service
	Issuer     *tokens.Issuer
	Keys       tokens.Keys
	Users      identity.Users
	Accounts   identity.Accounts
	Sessions   identity.Sessions
	Events     identity.Events
	Volatile   identity.Volatile
	Repeats    *idempotency.Requests
	Rotation   tokens.RotationPolicy
	Now        func() time.Time
	Logger     *slog.Logger
	Meter      Meter // nil: nothing is counted
}

// Manager answers token requests. It implements go-oauth2's Manager interface but uses none of the library's own
// implementation, which authenticates the client after the user, lets any client refresh any token, and rejects
// custom grants.
type Manager struct {
	clients    *clients.Registry
	signIn     *signin.Service
	access     *access.Service
	wechatData *wechatdata.Service
	issuer     *tokens.Issuer
	users      identity.Users
	accounts   identity.Accounts
	sessions   identity.Sessions
	events     identity.Events
	volatile   identity.Volatile
	repeats    *idempotency.Requests
	rotation   tokens.RotationPolicy
	now        func() time.Time
	logger     *slog.Logger
	meter      Meter
	grants     map[string]grant // by grant type
}

// grant authenticates the user of a request, if there is one, and issues tokens.
type grant func(ctx context.Context, r request) (tokens.Set, error)

var _ oauth2.Manager = (*Manager)(nil)

// New returns a Manager.
func New(c Config) *Manager {
	if c.Meter == nil {
		c.Meter = noMeter{}
	}
	m := &Manager{
		clients: c.Clients, signIn: c.SignIn, access: c.Access, wechatData: c.WechatData, issuer: c.Issuer,
		users: c.Users, accounts: c.Accounts, sessions: c.Sessions, events: c.Events, volatile: c.Volatile,
		repeats: c.Repeats, rotation: c.Rotation, now: c.Now, logger: c.Logger, meter: c.Meter,
	}
	m.grants = map[string]grant{
		oauth.GrantAuthorizationCode: authorizationCode{browserGrant{m}, c.Keys}.redeem,
		oauth.GrantDeviceCode:        deviceCode{browserGrant{m}, c.Devices}.redeem,
		oauth.GrantPassword:          m.password,
		oauth.GrantRefreshToken:      m.refreshToken,
		oauth.GrantClientCredentials: m.clientCredentials,
		oauth.GrantTokenExchange:     tokenExchange{m, tokens.NewExchanger(c.Issuer), c.HandOffs}.redeem,
	}
	for name, platform := range c.SignIn.Platforms() {
		m.grants[name] = m.platformCode(name, platform)
	}
	m.grants[oauth.GrantWechatCodeURN] = m.grants[oauth.GrantWechatCode]
	return m
}

// GenerateAccessToken answers a token request. It reads only tgr.Request: its headers, RemoteAddr and PostForm, in
// which no parameter may occur twice. It returns an [oauth.Error] with
//   - oauth.UnsupportedGrantType if there is no such grant type,
//   - oauth.InvalidClient if the client does not authenticate,
//   - oauth.UnauthorizedClient if the client may not use the grant type or exchange the codes of an app,
//   - oauth.InvalidRequest if a parameter is missing or malformed, the Idempotency-Key is malformed, the request is
//     from a web page whose origin the client has not registered, or a subject token is not accepted (RFC 8693
//     §2.2.2),
//   - oauth.InvalidScope if the client may not have the scope,
//   - oauth.InvalidGrant if the code, password or refresh token is not accepted,
//   - oauth.AuthorizationPending, oauth.SlowDown, oauth.ExpiredToken or oauth.DeviceDenied for a device code,
//   - oauth.TooManyRequests if there were too many failed attempts,
//   - oauth.ServerError if an app is not registered here or its platform rejects the configuration,
//   - oauth.TemporarilyUnavailable if the store or the platform fails.
//
// Any other error is internal.
func (m *Manager) GenerateAccessToken(ctx context.Context, name oauth2.GrantType,
	tgr *oauth2.TokenGenerateRequest) (oauth2.TokenInfo, error) {
	grant, known := m.grants[string(name)]
	if !known {
		return nil, oauth.NewError(oauth.UnsupportedGrantType, "This grant_type is not supported. See "+
			"/.well-known/openid-configuration for the supported ones.")
	}
	r, err := newRequest(tgr)
	if err != nil {
		return nil, err
	}
	if r.Client, err = m.clients.Authenticate(ctx, tgr.Request); err != nil {
		return nil, err
	}
	if err := r.Client.CheckOrigin(tgr.Request.Header); err != nil {
		return nil, err
	}
	set, err := m.answer(ctx, string(name), grant, r)
	if refusal, ok := errors.AsType[*oauth.Error](err); ok {
		withClient := *refusal
		withClient.ClientID = r.Client.ID
		return nil, &withClient
	}
	if err != nil {
		return nil, err
	}
	return tokenInfo(r.Client, set), nil
}

// answer answers a token request of an authenticated client.
func (m *Manager) answer(ctx context.Context, name string, grant grant, r request) (tokens.Set, error) {
	if !r.Client.MayUse(name) {
		return tokens.Set{}, oauth.NewError(oauth.UnauthorizedClient,
			"The client is not registered for this grant_type.")
	}
	r.Scope, r.Resource = r.Parameters.Get("scope"), r.Parameters.Get("resource")
	if name != oauth.GrantRefreshToken && name != oauth.GrantTokenExchange { // they narrow what was granted before
		var err error
		if r.Scope, err = r.Client.Scope(name, r.Scope); err != nil {
			return tokens.Set{}, err
		}
	}
	return grant(ctx, r)
}

// userTarget returns what the access token of a session is for. At a sign-in, the session has only a scope so far.
// scope is the part of the session's scope that is requested.
func (m *Manager) userTarget(r request, scope string, session identity.Session) (tokens.Target, error) {
	target := r.target(session.Scope, scope)
	target.Resources, target.Legacy = session.Resources, m.now().Before(r.Client.LegacyAudienceUntil)
	return m.issuer.Target(target)
}

// issue opens a session for an authenticated user. It returns identity.ErrExists if a duplicate request has opened
// it already.
func (m *Manager) issue(ctx context.Context, authorization tokens.Authorization) (tokens.Set, error) {
	set, err := m.issuer.Issue(ctx, authorization)
	if err == nil {
		return set, nil
	}
	m.signIn.GiveBack(ctx, authorization.User.ID, authorization.Client.ID)
	switch {
	case errors.Is(err, identity.ErrExists):
		return tokens.Set{}, err
	case errors.Is(err, identity.ErrStale):
		return tokens.Set{}, oauth.NewError(oauth.InvalidGrant,
			"The user was disabled or changed during this sign-in. Sign in again.")
	}
	return tokens.Set{}, tokens.Failed(err)
}

// record writes an audit event. An error is logged and does not fail the request.
func (m *Manager) record(ctx context.Context, event identity.Event) {
	identity.RecordOrLog(ctx, m.events, m.logger, event)
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }
