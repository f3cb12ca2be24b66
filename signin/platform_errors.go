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

// wechatRetry is how long to wait when WeChat does not say.
const wechatRetry = 5 * time.Second

// platformFailed says in OAuth's words why a platform did not name a user. Its errcode is told only where
// the fault is the code's or the user's; its text never.
func (s *Service) platformFailed(ctx context.Context, client clients.Client, platform Platform, err error) error {
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
			Description: name + " does not accept this code: it is expired, used, or of another app. " +
				platform.Again(),
			Members: errcodeMember(refusal.Errcode), Cause: err,
		}
	case errors.Is(err, wechat.ErrSnapshotUser):
		return &oauth.Error{Code: oauth.InvalidGrant,
			Description: "This is a visitor whom WeChat does not name. Open the page in full and sign in again.",
			Cause:       err}
	case errors.Is(err, wechat.ErrUserBlocked):
		identity.RecordOrLog(ctx, s.events, s.logger, identity.Event{Kind: identity.EventUserBlocked,
			ClientID: client.ID})
		return &oauth.Error{
			Code: oauth.InvalidGrant, Description: name + " has blocked this user as a high risk.",
			Members: errcodeMember(refusal.Errcode), Cause: err,
		}
	case errors.Is(err, wechat.ErrThrottled):
		return oauth.Unavailable(name+" is limiting sign-ins of this user or app. Wait before trying again.", retry,
			err)
	case errors.Is(err, wechat.ErrMisconfigured):
		return &oauth.Error{
			Code: oauth.ServerError,
			Description: name + " refuses this server's configuration (AppID, AppSecret or IP allow-list). " +
				"Its operator must mend it.",
			Cause: err,
		}
	}
	return oauth.Unavailable(name+" cannot be reached right now. "+platform.Again(), retry, err)
}

// errcodeMember tells the client WeChat's reason, where the fault is the code's or the user's.
func errcodeMember(errcode int) map[string]any {
	if errcode == 0 {
		return nil
	}
	return map[string]any{"wechat_errcode": errcode}
}
