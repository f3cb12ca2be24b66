package grants

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"github.com/go-oauth2/oauth2/v4"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/tokens"
	"github.com/lingpai/lingpai/wechat"
)

// Names lists the grants that work.
func Names() []string {
	return append(oauth.GrantTypes(), oauth.GrantWechatCodeURN)
}

// Config is what a Manager works with. All fields but Meter are required.
type Config struct {
	Clients   identity.Clients
	Apps      identity.Apps
	Users     identity.Users
	Accounts  identity.Accounts
	Deletions identity.Deletions
	Profiles  identity.Profiles
	Sessions  identity.Sessions
	Events    identity.Events
	Volatile  identity.Volatile
	Issuer    *tokens.Issuer
	Platforms map[string]Platform // by the grant that trades their codes: oauth.GrantWechatCode and oauth.GrantQQCode
	AppTokens *wechat.AppTokens
	Vault     *wechat.Vault
	Hasher    *password.Hasher
	Rotation  tokens.RotationPolicy
	Attempts  AttemptPolicy
	Now       func() time.Time
	Logger    *slog.Logger
	Meter     Meter // nil: nothing is counted
}

// Manager is the engine behind go-oauth2's socket: it has the library's interface and none of its engine,
// which authenticates the client after the user, refreshes anybody's token, and refuses custom grants.
type Manager struct {
	Config
	grants      map[string]grant
	revocations *tokens.Revocations
	known       atomic.Pointer[[]identity.Client] // as clients were read last, for AllowsOrigin
}

// grant proves the user of a request, if it has one, and has tokens issued.
type grant func(ctx context.Context, r Request) (tokens.Set, error)

var _ oauth2.Manager = (*Manager)(nil)

// New makes a manager.
func New(config Config) *Manager {
	m := &Manager{Config: config, revocations: tokens.NewRevocations(config.Issuer)}
	if m.Meter == nil {
		m.Meter = noMeter{}
	}
	m.grants = map[string]grant{
		oauth.GrantPassword:          m.password,
		oauth.GrantRefreshToken:      m.refreshToken,
		oauth.GrantClientCredentials: m.clientCredentials,
	}
	for name, platform := range config.Platforms {
		m.grants[name] = m.platformCode(name, platform)
	}
	m.grants[oauth.GrantWechatCodeURN] = m.grants[oauth.GrantWechatCode]
	return m
}

// GenerateAccessToken answers a token request. tgr.Request is all it reads: its PostForm, where every
// parameter stands once, and its headers. An error is an *oauth.Error, or unknown.
func (m *Manager) GenerateAccessToken(ctx context.Context, name oauth2.GrantType,
	tgr *oauth2.TokenGenerateRequest) (oauth2.TokenInfo, error) {
	grant, known := m.grants[string(name)]
	if !known {
		return nil, &oauth.Error{Code: oauth.UnsupportedGrantType,
			Description: "This grant_type is not supported. Those that are stand in /.well-known/openid-configuration."}
	}
	request, err := newRequest(tgr)
	if err != nil {
		return nil, err
	}
	if request.Client, err = authenticate(ctx, m.Clients, tgr.Request); err != nil {
		return nil, err
	}
	set, err := m.answer(ctx, string(name), grant, request)
	if refusal, ok := errors.AsType[*oauth.Error](err); ok {
		named := *refusal
		named.ClientID = request.Client.ID
		return nil, &named
	}
	if err != nil {
		return nil, err
	}
	return tokenInfo(request.Client, set), nil
}

// answer is what a token request comes to once its client is known.
func (m *Manager) answer(ctx context.Context, name string, grant grant, request Request) (tokens.Set, error) {
	if !m.mayUse(request.Client, name) {
		return tokens.Set{}, &oauth.Error{Code: oauth.UnauthorizedClient,
			Description: "The client is not registered for this grant_type."}
	}
	request.Scope = request.Parameter("scope")
	if name != oauth.GrantRefreshToken {
		var err error
		if request.Scope, err = allowedScope(request.Client, name, request.Scope); err != nil {
			return tokens.Set{}, err
		}
	}
	return grant(ctx, request)
}

// mayUse says whether a client's record allows a grant. Passwords are shown to first-party clients only (RFC
// 9700 §2.4), and only a client that has proved who it is may act for itself (RFC 6749 §4.4).
func (m *Manager) mayUse(client identity.Client, name string) bool {
	switch name {
	case oauth.GrantWechatCodeURN:
		name = oauth.GrantWechatCode
	case oauth.GrantPassword:
		return client.FirstParty && client.Allows(oauth.GrantPassword)
	case oauth.GrantClientCredentials:
		return client.Confidential && client.Allows(oauth.GrantClientCredentials)
	}
	return client.Allows(name)
}

// RefreshAccessToken implements oauth2.Manager; a refresh is a grant like the others.
func (m *Manager) RefreshAccessToken(ctx context.Context, tgr *oauth2.TokenGenerateRequest) (oauth2.TokenInfo, error) {
	return m.GenerateAccessToken(ctx, oauth.GrantRefreshToken, tgr)
}

// GenerateAuthToken implements oauth2.Manager: there is no authorization endpoint.
func (m *Manager) GenerateAuthToken(context.Context, oauth2.ResponseType,
	*oauth2.TokenGenerateRequest) (oauth2.TokenInfo, error) {
	return nil, oauth.NewError(oauth.InvalidRequest, "There is no authorization endpoint.")
}

// AllowsOrigin says whether scripts of a web origin may call the endpoints: some enabled client has
// registered it. While clients cannot be read, those known before count, so that scripts can read that we are
// out of order, and when to come again.
func (m *Manager) AllowsOrigin(ctx context.Context, origin string) bool {
	clients, err := m.Clients.List(ctx)
	if err != nil {
		m.Logger.ErrorContext(ctx, "cannot read the clients' origins; those known before count", "error", err)
		if known := m.known.Load(); known != nil {
			clients = *known
		}
	} else {
		m.known.Store(&clients)
	}
	return slices.ContainsFunc(clients, func(client identity.Client) bool {
		return !client.Disabled() && slices.Contains(client.Origins, origin)
	})
}

// record writes an event that must not decide the request: what it tells of has been decided already.
func (m *Manager) record(ctx context.Context, event identity.Event) {
	if err := m.Events.Record(context.WithoutCancel(ctx), event); err != nil {
		m.Logger.ErrorContext(ctx, "cannot write the audit log", "kind", event.Kind, "error", err)
	}
}

func isNotFound(err error) bool { return errors.Is(err, identity.ErrNotFound) }
