package grants

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// deviceCode is the grant of RFC 8628 §3.4.
type deviceCode struct {
	browserGrant
	devices *authorize.Devices
}

var errDeviceCodeUsed = oauth.NewError(oauth.InvalidGrant, "The device_code was already used.")

func (g deviceCode) redeem(ctx context.Context, r request) (tokens.Set, error) {
	code := r.Parameters.Get("device_code")
	if code == "" {
		return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "device_code is missing.")
	}
	state, err := g.devices.Approved(ctx, r.Client, code)
	if err != nil {
		return tokens.Set{}, err
	}
	authorization, openings, err := g.authorization(ctx, r, approved{by: state.Decision.By(), scope: state.Scope,
		resource: state.Resource, openedBy: authorize.DeviceOpenedBy(code)}, oauth.GrantDeviceCode, code)
	if err != nil {
		return tokens.Set{}, err
	}
	ctx = context.WithoutCancel(ctx) // a repeated request needs the session
	set, err := g.issuer.Issue(ctx, authorization)
	switch {
	case errors.Is(err, identity.ErrExists):
		return g.secondUse(ctx, authorization, openings)
	case errors.Is(err, identity.ErrStale):
		return tokens.Set{}, errUserChanged
	case err != nil:
		return tokens.Set{}, tokens.Failed(err)
	}
	return set, nil
}

// secondUse answers a repeated request. Any other second use is refused and ends nothing, unlike that of an
// authorization code: a device code travels between the device and this server only, and a device whose answer was lost
// polls again.
func (g deviceCode) secondUse(ctx context.Context, a tokens.Authorization,
	openings []tokens.Opening) (tokens.Set, error) {
	session, now, err := g.sessions.FindByOpening(ctx, openings[0].By)
	if err != nil {
		return tokens.Set{}, oauth.StoreFailed(err)
	}
	set, err := g.repeat(ctx, a, openings, session, now)
	if errors.Is(err, errNotRepeated) {
		return tokens.Set{}, errDeviceCodeUsed
	}
	return set, err
}
