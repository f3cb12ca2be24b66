package grants

import (
	"context"
	"errors"
	"time"

	oautherrors "github.com/go-oauth2/oauth2/v4/errors"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
)

// wechatRetry is how long to wait when WeChat does not say.
const wechatRetry = 5 * time.Second

// platformRefused says in OAuth's words why a platform did not name a user. Its errcode is told only where
// the fault is the code's or the user's; its text never.
func (m *Manager) platformRefused(ctx context.Context, client identity.Client, platform Platform, err error) error {
	name := platform.Title()
	refusal, ok := errors.AsType[*wechat.Error](err)
	if !ok {
		refusal = &wechat.Error{}
	}
	retry := max(refusal.RetryAfter, wechatRetry)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		return &Error{
			Name: oautherrors.ErrInvalidGrant,
			Description: name + " does not accept this code: it is expired, used, or of another app. " +
				platform.Again(),
			WechatErrcode: refusal.Errcode, Cause: err,
		}
	case errors.Is(err, wechat.ErrSnapshotUser):
		return &Error{Name: oautherrors.ErrInvalidGrant,
			Description: "This is a visitor whom WeChat does not name. Open the page in full and sign in again.",
			Cause:       err}
	case errors.Is(err, wechat.ErrUserBlocked):
		m.record(ctx, identity.Event{Kind: identity.EventUserBlocked, ClientID: client.ID})
		return &Error{
			Name: oautherrors.ErrInvalidGrant, Description: name + " has blocked this user as a high risk.",
			WechatErrcode: refusal.Errcode, Cause: err,
		}
	case errors.Is(err, wechat.ErrThrottled):
		return unavailable(name+" is limiting sign-ins of this user or app. Wait before trying again.", retry, err)
	case errors.Is(err, wechat.ErrMisconfigured):
		return &Error{
			Name: oautherrors.ErrServerError,
			Description: name + " refuses this server's configuration (AppID, AppSecret or IP allow-list). " +
				"Its operator must mend it.",
			Cause: err,
		}
	}
	return unavailable(name+" cannot be reached right now. "+platform.Again(), retry, err)
}
