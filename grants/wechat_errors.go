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

// wechatRefused says in OAuth's words why WeChat did not name a user. WeChat's errcode is told only where the fault is the code's or
// the user's; its text never.
func (m *Manager) wechatRefused(ctx context.Context, client identity.Client, err error) error {
	var refusal *wechat.Error
	if !errors.As(err, &refusal) {
		refusal = &wechat.Error{Class: wechat.ErrUnavailable}
	}
	retry := max(refusal.RetryAfter, wechatRetry)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		return &Error{
			Name: oautherrors.ErrInvalidGrant, Description: "WeChat does not accept this code: it is expired, used, or of another app. Call wx.login again.",
			WechatErrcode: refusal.Errcode, Cause: err,
		}
	case errors.Is(err, wechat.ErrUserBlocked):
		m.record(ctx, identity.Event{Kind: identity.EventUserBlocked, ClientID: client.ID})
		return &Error{
			Name: oautherrors.ErrInvalidGrant, Description: "WeChat has blocked this user as a high risk.",
			WechatErrcode: refusal.Errcode, Cause: err,
		}
	case errors.Is(err, wechat.ErrThrottled):
		return unavailable("WeChat is limiting sign-ins of this user or app. Wait before calling wx.login again.", retry, err)
	case errors.Is(err, wechat.ErrMisconfigured):
		return &Error{
			Name: oautherrors.ErrServerError, Description: "WeChat refuses this server's configuration (AppID, AppSecret or IP allow-list). Its operator must mend it.",
			Cause: err,
		}
	}
	return unavailable("WeChat cannot be reached right now. Call wx.login again for a fresh code and retry.", retry, err)
}
