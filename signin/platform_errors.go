package signin

import (
	"context"
	"errors"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// wechatRetry is the minimum Retry-After.
const wechatRetry = 5 * time.Second

// platformFailed converts a platform's error to an OAuth error. The OAuth error contains the platform's errcode only
// if the code or the user is the reason, and never the platform's text.
func (s *Service) platformFailed(ctx context.Context, client clients.Client, platform Platform, app identity.App,
	err error,
) error {
	name := platform.Title()
	refusal, ok := errors.AsType[*wechat.Error](err)
	if !ok {
		refusal = &wechat.Error{}
	}
	retry := max(refusal.RetryAfter, wechatRetry)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		return &oauth.Error{
			Code: oauth.InvalidGrant,
			Description: name + " rejected this code: it is expired, already used, or for another app. " +
				platform.NewCodeHint(app),
			Members: errcodeMember(refusal.Errcode), Cause: err,
		}
	case errors.Is(err, wechat.ErrSnapshotUser):
		return &oauth.Error{
			Code: oauth.InvalidGrant,
			Description: "WeChat does not identify visitors of a page snapshot. Let them open the full page and sign " +
				"in there.",
			Members: map[string]any{"wechat_snapshot": true}, Cause: err,
		}
	case errors.Is(err, wechat.ErrUserBlocked):
		identity.RecordOrLog(ctx, s.events, s.logger, identity.Event{Kind: identity.EventUserBlocked,
			ClientID: client.ID})
		return &oauth.Error{
			Code: oauth.InvalidGrant,
			Description: name + " has blocked this user as high-risk. Trying again does not help: only the user can " +
				"have it lifted, at " + name + ".",
			Members: errcodeMember(refusal.Errcode), Cause: err,
		}
	case errors.Is(err, wechat.ErrThrottled):
		return oauth.Unavailable(refusal.Explain(name), retry, err)
	case errors.Is(err, wechat.ErrMisconfigured):
		return &oauth.Error{Code: oauth.ServerError, Description: refusal.Explain(name), Cause: err}
	}
	return oauth.Unavailable(refusal.Explain(name)+" "+platform.NewCodeHint(app), retry, err)
}

// errcodeMember returns the member of an error response that contains the platform's errcode.
func errcodeMember(errcode int) map[string]any {
	if errcode == 0 {
		return nil
	}
	return map[string]any{"wechat_errcode": errcode}
}
