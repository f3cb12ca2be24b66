package grants

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
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
func phoneRate() rate { return rate{3, 24 * time.Hour} }

// budgetAudit is how long after one event no other tells that an app is over its budget.
const budgetAudit = time.Hour

// takePhone keeps the phone number that came with a sign-in: by a code, or encrypted in the older way.
func (m *Manager) takePhone(ctx context.Context, e enrichment) string {
	code, encrypted := e.Parameter("phone_code"), e.Parameter("encrypted_data_kind") == string(wechat.KindPhone) &&
		e.Parameter("encrypted_data") != ""
	switch {
	case code == "" && !encrypted:
		return ""
	case e.app.Platform != identity.PlatformWechat || e.app.Kind != identity.KindMiniProgram ||
		!slices.Contains(e.Client.Scopes, oauth.ScopePhone):
		return remarkNotAllowed
	case code != "":
		_, err := m.phoneByCode(ctx, e.app, e.account.Subject, e.userID, code)
		return phoneRemark(err)
	}
	return m.phoneByData(ctx, e)
}

func phoneRemark(err error) string {
	refusal, _ := errors.AsType[*oauth.Error](err)
	switch {
	case err == nil:
		return remarkVerified
	case refusal != nil && refusal.Code == oauth.OverBudget:
		return remarkOverBudget
	case refusal != nil && refusal.Code == oauth.InvalidGrant:
		return remarkRefused
	}
	return remarkUnavailable
}

// phoneByCode gets a number by the code of a button, and counts what became of it.
func (m *Manager) phoneByCode(ctx context.Context, app identity.App, openID, userID, code string) (identity.Phone,
	error) {
	phone, err := m.buyPhone(ctx, app, openID, userID, code)
	m.Meter.PhoneAsked(app.ID, phoneRemark(err))
	return phone, err
}

// buyPhone gets a number from WeChat and keeps it. What certainly cost nothing is given back to the budget.
func (m *Manager) buyPhone(ctx context.Context, app identity.App, openID, userID, code string) (identity.Phone, error) {
	if err := m.allow(ctx, "phone/"+userID, phoneRate()); err != nil {
		return identity.Phone{}, err
	}
	within, err := m.Apps.SpendPhone(ctx, app.Platform, app.ID)
	if err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	if !within {
		m.tellOverBudget(ctx, app.ID)
		return identity.Phone{}, errOverBudget
	}
	bought, err := m.AppTokens.PhoneNumber(ctx, credentialsFor(app), code, openID)
	if err != nil {
		if failed, ok := errors.AsType[*wechat.Error](err); ok &&
			(failed.NotSent || failed.Class != wechat.ErrUnavailable) {
			err = errors.Join(err, m.Apps.RefundPhone(ctx, app.Platform, app.ID))
		}
		if errors.Is(err, wechat.ErrBadCode) {
			return identity.Phone{}, errPhoneCode
		}
		return identity.Phone{}, appTokenRefused(err)
	}
	phone := identity.Phone{Number: "+" + bought.CountryCode + bought.Number.Reveal(), SeenAt: m.Now(), Verified: true}
	if err := m.Profiles.SetPhone(ctx, userID, phone); err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	return phone, nil
}

// phoneByData opens a number with the session key, and asks WeChat whether it made it: the format has no MAC.
func (m *Manager) phoneByData(ctx context.Context, e enrichment) string {
	opened, err := m.openAtSignIn(ctx, e, wechat.KindPhone)
	info, ok := opened.Fields.(*wechat.PhoneInfo)
	if err != nil || !ok {
		return remarkRefused
	}
	sum := sha256.Sum256([]byte(e.Parameter("encrypted_data")))
	genuine, err := m.confirmer(e.app.ID)(ctx, hex.EncodeToString(sum[:]))
	if err == nil && !genuine {
		return remarkRefused
	}
	phone := identity.Phone{Number: "+" + info.CountryCode + info.PurePhoneNumber, SeenAt: m.Now(),
		Verified: err == nil}
	if known, failed := m.Profiles.Find(ctx, e.userID); !phone.Verified && (failed != nil || known.Phone.Verified) {
		return remarkUnavailable // what WeChat vouched for does not give way to what it could not be asked about
	}
	switch err := m.Profiles.SetPhone(ctx, e.userID, phone); {
	case err != nil:
		m.Logger.WarnContext(ctx, "cannot keep a phone number", "user", e.userID, "error", err)
		return remarkUnavailable
	case !phone.Verified:
		return remarkNotVerified
	}
	return remarkVerified
}

// BoundPhone is a number that a signed-in user has shown to be his.
type BoundPhone struct {
	Number   string `json:"phone_number"`
	Verified bool   `json:"phone_number_verified"`
	UserID   string `json:"-"`
}

// BindPhone takes the code of a getPhoneNumber button from a signed-in user of a mini-program. Numbers pass
// on to other people, so it signs nobody in and joins nobody.
func (m *Manager) BindPhone(ctx context.Context, bearer string, form url.Values) (BoundPhone, error) {
	claims, _, session, err := m.userOf(ctx, bearer)
	if err != nil {
		return BoundPhone{}, err
	}
	switch {
	case !oauth.HasScope(claims.Scope, oauth.ScopePhone):
		return BoundPhone{}, &oauth.Error{Code: oauth.InsufficientScope,
			Description: "The access token lacks the scope phone.", Scope: oauth.ScopePhone}
	case session.Account.Platform != identity.PlatformWechat:
		return BoundPhone{}, errNotOfWechat
	case form.Get("code") == "":
		return BoundPhone{}, oauth.NewError(oauth.InvalidRequest,
			"code is missing: it is what a getPhoneNumber button gives, not wx.login.")
	}
	app, err := m.findApp(ctx, session.Account.Platform, session.Account.App)
	if err != nil {
		return BoundPhone{}, err
	}
	if app.Kind != identity.KindMiniProgram {
		return BoundPhone{}, errNotOfWechat
	}
	phone, err := m.phoneByCode(context.WithoutCancel(ctx), app, session.Account.Subject, session.UserID,
		form.Get("code"))
	return BoundPhone{phone.Number, phone.Verified, session.UserID}, err
}

// tellOverBudget tells the operator once in a while; clients ask on.
func (m *Manager) tellOverBudget(ctx context.Context, appID string) {
	first, err := m.Volatile.PutIfAbsent(ctx, "phone_budget/told/"+appID, []byte{1}, budgetAudit)
	if err != nil || first {
		m.Logger.WarnContext(ctx, "an app has used up its budget of phone numbers for this month", "appid", appID)
	}
	if first {
		m.record(ctx, identity.Event{Kind: identity.EventPhoneBudget, Detail: appID})
	}
}
