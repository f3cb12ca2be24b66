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
		Code: oauth.OverBudget,
		Description: "The app has got as many phone numbers this month as its operator allows. Its " +
			"operator can raise the budget.",
	}
	errPhoneCode = &oauth.Error{
		Code: oauth.InvalidGrant,
		Description: "WeChat does not accept this code: it is expired, used, of somebody else, or no code " +
			"of a getPhoneNumber button.",
	}
)

// phoneRate is how often a user may try: nobody has so many numbers, and each that is right costs money.
func phoneRate() limits.Rate { return limits.Rate{Uses: 3, Period: 24 * time.Hour} }

// budgetAudit is how long after one event no other tells that an app is over its budget.
const budgetAudit = time.Hour

// takePhone keeps the phone number that came with a sign-in: by a code, or encrypted in the older way.
func (s *Service) takePhone(ctx context.Context, e SignIn) string {
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

// phoneByCode gets a number by the code of a button, and counts what became of it.
func (s *Service) phoneByCode(ctx context.Context, app identity.App, openID, userID, code string) (identity.Phone,
	error) {
	phone, err := s.buyPhone(ctx, app, openID, userID, code)
	s.meter.PhoneAsked(app.ID, phoneOutcome(err))
	return phone, err
}

// buyPhone gets a number from WeChat and keeps it. What certainly cost nothing is given back to the budget.
func (s *Service) buyPhone(ctx context.Context, app identity.App, openID, userID, code string) (identity.Phone, error) {
	if err := s.allow(ctx, "phone/"+userID, phoneRate()); err != nil {
		return identity.Phone{}, err
	}
	within, err := s.apps.SpendPhone(ctx, app.Platform, app.ID)
	if err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	if !within {
		s.tellOverBudget(ctx, app.ID)
		return identity.Phone{}, errOverBudget
	}
	bought, err := s.appTokens.PhoneNumber(ctx, signin.Credentials(app), code, openID)
	if err != nil {
		if failed, ok := errors.AsType[*wechat.Error](err); ok &&
			(failed.NotSent || failed.Class != wechat.ErrUnavailable) {
			err = errors.Join(err, s.apps.RefundPhone(ctx, app.Platform, app.ID))
		}
		if errors.Is(err, wechat.ErrBadCode) {
			return identity.Phone{}, errPhoneCode
		}
		return identity.Phone{}, wechatFailed(err)
	}
	phone := identity.Phone{Number: "+" + bought.CountryCode + bought.Number.Reveal(), SeenAt: s.now(), Verified: true}
	if err := s.profiles.SetPhone(ctx, userID, phone); err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	return phone, nil
}

// phoneByData opens a number with the session key, and asks WeChat whether it made it: the format has no MAC.
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
		return noticeUnavailable // what WeChat vouched for does not give way to what it could not be asked about
	}
	switch err := s.profiles.SetPhone(ctx, e.Person.User.ID, phone); {
	case err != nil:
		s.logger.WarnContext(ctx, "cannot keep a phone number", "user", e.Person.User.ID, "error", err)
		return noticeUnavailable
	case !phone.Verified:
		return noticeNotVerified
	}
	return noticeVerified
}

// BoundPhone is a number that a signed-in user has shown to be his.
type BoundPhone struct {
	Number   string `json:"phone_number"`
	Verified bool   `json:"phone_number_verified"`
	UserID   string `json:"-"`
}

// BindPhone takes the code of a getPhoneNumber button from a signed-in user of a mini-program. Numbers pass
// on to other people, so it signs nobody in and joins nobody.
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
		return BoundPhone{}, invalidRequest("code is missing: it is what a getPhoneNumber button gives, not wx.login.")
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

// tellOverBudget tells the operator once in a while; clients ask on.
func (s *Service) tellOverBudget(ctx context.Context, appID string) {
	first, err := s.volatile.PutIfAbsent(ctx, "phone_budget/told/"+appID, []byte{1}, budgetAudit)
	if err != nil || first {
		s.logger.WarnContext(ctx, "an app has used up its budget of phone numbers for this month", "appid", appID)
	}
	if first {
		identity.RecordOrLog(ctx, s.events, s.logger, identity.Event{Kind: identity.EventPhoneBudget, Detail: appID})
	}
}
