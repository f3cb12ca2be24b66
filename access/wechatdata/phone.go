package wechatdata

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
	"slices"
	"time"

	"github.com/lingpai/lingpai/idempotency"
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

const (
	// phoneTimeout limits a request for a phone number, which asks WeChat for an app token and for the number, and
	// again with a new token. Duplicate requests wait that long at most before one of them asks again.
	phoneTimeout = 15 * time.Second
	// phoneLifetime is how long a repeated request for a phone number is answered.
	phoneLifetime = time.Hour
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
		person := e.Person
		_, err := s.phoneByCode(ctx, s.newPhoneRequest(person.App, person.Account.Subject, person.User.ID, code,
			e.Key))
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

// phoneRequest is a request for a phone number with the code of a getPhoneNumber button.
type phoneRequest struct {
	app            identity.App
	openID, userID string
	code           string
	repeat         *idempotency.Request // nil: the request has no Idempotency-Key
}

// newPhoneRequest returns a request with an Idempotency-Key, which may be "".
func (s *Service) newPhoneRequest(app identity.App, openID, userID, code, key string) phoneRequest {
	return phoneRequest{app, openID, userID, code, s.repeats.Request(key, "phone", userID, app.ID, openID, code)}
}

// keptPhone is the name of the number that is kept for repeated requests.
const keptPhone = "number"

// phoneByCode gets a number and stores it. WeChat charges for each number, so a repeated request with an
// Idempotency-Key gets the first answer, even if the number could not be stored at first.
func (s *Service) phoneByCode(ctx context.Context, r phoneRequest) (identity.Phone, error) {
	return idempotency.Once(ctx, r.repeat, phoneTimeout, func() (identity.Phone, bool, error) {
		var kept boughtPhone
		if !r.repeat.Recall(ctx, keptPhone, &kept) {
			return identity.Phone{}, false, nil
		}
		phone, err := s.storePhone(ctx, r, kept)
		return phone, true, err
	}, func() (identity.Phone, error) { return s.askPhone(ctx, r) })
}

// askPhone buys a number, stores it, and counts the outcome.
func (s *Service) askPhone(ctx context.Context, r phoneRequest) (identity.Phone, error) {
	phone, err := s.countPhone(ctx, r, func() (identity.Phone, error) {
		phone, err := s.buyPhone(ctx, r)
		if err != nil {
			return identity.Phone{}, err
		}
		bought := boughtPhone{Phone: phone}
		r.repeat.Keep(ctx, keptPhone, bought, phoneLifetime)
		return s.storePhone(ctx, r, bought)
	})
	s.meter.PhoneRequested(r.app.ID, phoneOutcome(err))
	return phone, err
}

// boughtPhone is a number that WeChat has charged for.
type boughtPhone struct {
	Phone  identity.Phone `json:"phone"`
	Stored bool           `json:"stored"` // then a repeated request must not store it again: it may have been replaced
}

// storePhone stores a number that WeChat has charged for, unless that was done before.
func (s *Service) storePhone(ctx context.Context, r phoneRequest, bought boughtPhone) (identity.Phone, error) {
	if bought.Stored {
		return bought.Phone, nil
	}
	if err := s.profiles.SetPhone(context.WithoutCancel(ctx), r.userID, bought.Phone); err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	bought.Stored = true
	r.repeat.Keep(ctx, keptPhone, bought, phoneLifetime)
	return bought.Phone, nil
}

// countPhone calls buy if the user may try, which is a few times a day, because each valid code costs money. What fails
// because of us or WeChat does not count, nor does a code that never reaches WeChat.
func (s *Service) countPhone(ctx context.Context, r phoneRequest, buy func() (identity.Phone, error)) (identity.Phone,
	error) {
	if !wechat.PlausibleCode(r.code) {
		return identity.Phone{}, errPhoneCode
	}
	uses := limits.Of(limits.PhoneNumbers, r.userID).About(identity.Event{UserID: r.userID, Detail: r.app.ID})
	if err := s.limiter.Count(ctx, uses); err != nil {
		return identity.Phone{}, err
	}
	phone, err := buy()
	if err != nil && !errors.Is(err, oauth.InvalidGrant) {
		s.limiter.GiveBack(ctx, uses)
	}
	return phone, err
}

// buyPhone gets a number from WeChat. If WeChat certainly charged nothing, it refunds the budget.
func (s *Service) buyPhone(ctx context.Context, r phoneRequest) (identity.Phone, error) {
	within, err := s.apps.SpendPhone(ctx, r.app.Platform, r.app.ID)
	if err != nil {
		return identity.Phone{}, oauth.StoreFailed(err)
	}
	if !within {
		s.reportOverBudget(ctx, r.app.ID)
		return identity.Phone{}, errOverBudget
	}
	bought, err := s.appTokens.PhoneNumber(ctx, signin.Credentials(r.app), r.code, r.openID)
	if err != nil {
		if failed, ok := errors.AsType[*wechat.Error](err); ok &&
			(failed.NotSent || failed.Class != wechat.ErrUnavailable) {
			err = errors.Join(err, s.apps.RefundPhone(context.WithoutCancel(ctx), r.app.Platform, r.app.ID))
		}
		if errors.Is(err, wechat.ErrBadCode) {
			return identity.Phone{}, errPhoneCode
		}
		return identity.Phone{}, wechatFailed(err)
	}
	return identity.Phone{Number: "+" + bought.CountryCode + bought.Number.Reveal(), SeenAt: s.now(),
		Verified: true}, nil
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
	switch err := s.profiles.SetPhone(ctx, e.Person.User.ID, phone); {
	case errors.Is(err, identity.ErrExists): // the number is not verified, and the user has a verified one
		return noticeUnavailable
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
// key is the request's Idempotency-Key, or "": a repeated request with the same code and key gets the first answer.
// BindPhone returns
//   - oauth.InvalidToken if the access token is not valid or is a client's own,
//   - oauth.InsufficientScope if it is not for this server or lacks the scope phone,
//   - oauth.LoginRequired if the session is not one of a WeChat mini-program,
//   - oauth.InvalidRequest if the code is missing,
//   - oauth.InvalidGrant if WeChat rejects the code,
//   - oauth.TooManyRequests if the user tries too often,
//   - oauth.OverBudget if the app has used up its budget of phone numbers,
//   - oauth.ServerError if the app is not registered here or WeChat rejects its configuration,
//   - oauth.TemporarilyUnavailable if WeChat or the store fails.
func (s *Service) BindPhone(ctx context.Context, bearer string, form url.Values, key string) (BoundPhone, error) {
	presented, err := s.access.UserBearer(ctx, bearer, oauth.ScopePhone)
	if err != nil {
		return BoundPhone{}, err
	}
	session := presented.Session
	switch {
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
	// Go on if the client disconnects: the code is used up, and a duplicate request needs the answer.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), phoneTimeout)
	defer cancel()
	phone, err := s.phoneByCode(ctx, s.newPhoneRequest(app, session.Account.Subject, session.UserID,
		form.Get("code"), key))
	return BoundPhone{phone.Number, phone.Verified, session.UserID}, err
}

// reportOverBudget logs and records at most once an hour that an app is over its budget.
func (s *Service) reportOverBudget(ctx context.Context, appID string) {
	if identity.FirstWithin(ctx, budgetReportInterval, s.volatile, s.logger, identity.EventPhoneBudget, appID) {
		s.logger.WarnContext(ctx, "an app has used up its budget of phone numbers for this month", "appid", appID)
		identity.RecordOrLog(ctx, s.events, s.logger, identity.Event{Kind: identity.EventPhoneBudget, Detail: appID})
	}
}
