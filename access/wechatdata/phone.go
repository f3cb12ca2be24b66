package wechatdata

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
)

var (
	errOverBudget = &oauth.Error{
		Code:        oauth.OverBudget,
		Description: "The app has used up its budget of phone numbers for this month. The operator can raise it.",
	}
	errPhoneCode = &oauth.Error{
		Code: oauth.InvalidGrant,
		Description: "WeChat rejected this code: it is expired, already used, for another user, or not from " +
			"a getPhoneNumber button.",
	}
)

// budgetReportInterval is the minimum time between two reports that the same app is over its budget.
const budgetReportInterval = time.Hour

// savePhone stores the phone number of a sign-in, which is sent as a code or, in the older way, encrypted. It returns
// the notice for the client, or "" if no phone number was sent.
func (s *Service) savePhone(ctx context.Context, e SignIn) string {
	code, encrypted := e.parameter("phone_code"), e.parameter("encrypted_data_kind") == string(wechat.KindPhone) &&
		e.parameter("encrypted_data") != ""
	switch {
	case code == "" && !encrypted:
		return ""
	case e.Person.App.Platform != identity.PlatformWechat || e.Person.App.Kind != identity.KindMiniProgram ||
		!slices.Contains(e.Client.Scopes, oauth.ScopePhone):
		return noticeNotAllowed
	case code != "":
		_, err := s.phoneByCode(ctx, e.Person.App, e.Person.Account.Subject, e.Person.User.ID, code)
		return phoneOutcome(err)
	}
	return s.phoneByData(ctx, e)
}

func phoneOutcome(err error) string {
	refusal, _ := errors.AsType[*oauth.Error](err)
	switch {
	case err == nil:
		return noticeVerified
	case refusal != nil && refusal.Code == oauth.OverBudget:
		return noticeOverBudget
	case refusal != nil && refusal.Code == oauth.InvalidGrant:
		return noticeRefused
	}
	return noticeUnavailable
}

// phoneByCode gets a number with the code of a getPhoneNumber button, and counts the outcome.
func (s *Service) phoneByCode(ctx context.Context, app identity.App, openID, userID, code string) (identity.Phone,
	error) {
	phone, err := s.buyPhone(ctx, app, openID, userID, code)
	s.meter.PhoneAsked(app.ID, phoneOutcome(err))
	return phone, err
}

// buyPhone gets a number from WeChat and stores it. A user may try a few times a day, because each valid code costs
// money; what fails by our or WeChat's fault does not count.
func (s *Service) buyPhone(ctx context.Context, app identity.App, openID, userID, code string) (identity.Phone, error) {
	if !wechat.PlausibleCode(code) { // never reaches WeChat, so it is not counted
		return identity.Phone{}, errPhoneCode
	}
	uses := limits.Of(limits.PhoneNumbers, userID).About(identity.Event{UserID: userID, Detail: app.ID})
	if err := s.limiter.Count(ctx, uses); err != nil {
		return identity.Phone{}, err
	}
	phone, err := s.tradePhone(ctx, app, openID, code)
	if err == nil {
		// Even if the context has ended: the number is paid for.
		if err = s.profiles.SetPhone(context.WithoutCancel(ctx), userID, phone); err != nil {
			err = oauth.StoreFailed(err)
		}
	}
	if err != nil {
		if !errors.Is(err, oauth.InvalidGrant) {
			s.limiter.GiveBack(ctx, uses)
		}
		return identity.Phone{}, err
	}
	return phone, nil
}

// tradePhone gets a number from WeChat, within the app's budget. If WeChat certainly charged nothing, it refunds the
// budget.
func (s *Service) tradePhone(ctx context.Context, app identity.App, openID, code string) (identity.Phone, error) {
	within, err := s.apps.SpendPhone(ctx, app.Platform, app.ID)
	if err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	if !within {
		s.reportOverBudget(ctx, app.ID)
		return identity.Phone{}, errOverBudget
	}
	bought, err := s.appTokens.PhoneNumber(ctx, signin.Credentials(app), code, openID)
	if err != nil {
		if failed, ok := errors.AsType[*wechat.Error](err); ok &&
			(failed.NotSent || failed.Class != wechat.ErrUnavailable) {
			err = errors.Join(err, s.apps.RefundPhone(context.WithoutCancel(ctx), app.Platform, app.ID))
		}
		if errors.Is(err, wechat.ErrBadCode) {
			return identity.Phone{}, errPhoneCode
		}
		return identity.Phone{}, wechatFailed(err)
	}
	return identity.Phone{Number: "+" + bought.CountryCode + bought.Number.Reveal(), SeenAt: s.now(), Verified: true}, nil
}

// phoneByData decrypts a number with the session key. It asks WeChat whether the encrypted data is genuine, since the
// format has no MAC. If WeChat cannot be asked, the number is stored as unverified, but does not replace a verified
// one.
func (s *Service) phoneByData(ctx context.Context, e SignIn) string {
	opened, err := s.openAtSignIn(ctx, e, wechat.KindPhone)
	info, ok := opened.Fields.(*wechat.PhoneInfo)
	if err != nil || !ok {
		return noticeRefused
	}
	sum := sha256.Sum256([]byte(e.parameter("encrypted_data")))
	genuine, err := s.confirmer(e.Person.App.ID)(ctx, hex.EncodeToString(sum[:]))
	if err == nil && !genuine {
		return noticeRefused
	}
	phone := identity.Phone{Number: "+" + info.CountryCode + info.PurePhoneNumber, SeenAt: s.now(),
		Verified: err == nil}
	if known, failed := s.profiles.Find(ctx, e.Person.User.ID); !phone.Verified &&
		(failed != nil || known.Phone.Verified) {
		return noticeUnavailable // an unverified number must not replace a verified one
	}
	switch err := s.profiles.SetPhone(ctx, e.Person.User.ID, phone); {
	case err != nil:
		s.logger.WarnContext(ctx, "cannot store a phone number", "user", e.Person.User.ID, "error", err)
		return noticeUnavailable
	case !phone.Verified:
		return noticeNotVerified
	}
	return noticeVerified
}

// BoundPhone is a signed-in user's phone number.
type BoundPhone struct {
	Number   string `json:"phone_number"`
	Verified bool   `json:"phone_number_verified"`
	UserID   string `json:"-"`
}

// BindPhone stores the phone number of a signed-in user of a mini-program. The form's "code" is from a getPhoneNumber
// button. A phone number neither signs a user in nor links users, because numbers are reassigned to other people.
// BindPhone returns
//   - oauth.InvalidToken if the access token is not valid or is a client's own,
//   - oauth.InsufficientScope if it lacks the scope phone,
//   - oauth.LoginRequired if the session is not one of a WeChat mini-program,
//   - oauth.InvalidRequest if the code is missing,
//   - oauth.InvalidGrant if WeChat rejects the code,
//   - oauth.TooManyRequests if the user tries too often,
//   - oauth.OverBudget if the app has used up its budget of phone numbers,
//   - oauth.ServerError if the app is not registered here or WeChat rejects its configuration,
//   - oauth.TemporarilyUnavailable if WeChat or the store fails.
func (s *Service) BindPhone(ctx context.Context, bearer string, form url.Values) (BoundPhone, error) {
	presented, err := s.access.UserBearer(ctx, bearer)
	if err != nil {
		return BoundPhone{}, err
	}
	session := presented.Session
	switch {
	case !oauth.HasScope(presented.Claims.Scope, oauth.ScopePhone):
		return BoundPhone{}, &oauth.Error{Code: oauth.InsufficientScope,
			Description: "The access token lacks the scope phone.", Scope: oauth.ScopePhone}
	case session.Account.Platform != identity.PlatformWechat:
		return BoundPhone{}, errNotOfWechat
	case form.Get("code") == "":
		return BoundPhone{}, invalidRequest(
			"code is missing: send the code from a getPhoneNumber button, not from wx.login.")
	}
	app, err := signin.FindApp(ctx, s.apps, session.Account.Platform, session.Account.App)
	if err != nil {
		return BoundPhone{}, err
	}
	if app.Kind != identity.KindMiniProgram {
		return BoundPhone{}, errNotOfWechat
	}
	phone, err := s.phoneByCode(context.WithoutCancel(ctx), app, session.Account.Subject, session.UserID,
		form.Get("code"))
	return BoundPhone{phone.Number, phone.Verified, session.UserID}, err
}

// reportOverBudget logs and records at most once an hour that an app is over its budget. If the volatile store fails,
// it logs each time and records nothing.
func (s *Service) reportOverBudget(ctx context.Context, appID string) {
	first, err := s.volatile.PutIfAbsent(ctx, "phone_budget/told/"+appID, []byte{1},
		budgetReportInterval)
	if err != nil || first {
		s.logger.WarnContext(ctx, "an app has used up its budget of phone numbers for this month", "appid", appID)
	}
	if first {
		identity.RecordOrLog(ctx, s.events, s.logger, identity.Event{Kind: identity.EventPhoneBudget, Detail: appID})
	}
}
