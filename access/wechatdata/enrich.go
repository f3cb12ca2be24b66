package wechatdata

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
)

// The outcomes of the extras of a sign-in. A client gets them together with its tokens. They never make the sign-in
// fail.
const (
	noticeKept        = "kept"
	noticeVerified    = "verified"
	noticeNotVerified = "not_verified" // stored, but WeChat could not be asked
	noticeUnchanged   = "unchanged"    // nothing new, or the user has edited the profile
	noticeRefused     = "refused"
	noticeNotAllowed  = "not_allowed" // not for this client or this kind of app
	noticeOverBudget  = "over_budget"
	noticeUnavailable = "unavailable"
)

// Names of the notices in the token response.
const (
	profileNotice   = "profile_status"
	signatureNotice = "signature_status"
	phoneNotice     = "phone_status"
)

// enrichTimeout bounds Enrich.
const enrichTimeout = 5 * time.Second

// SignIn is a sign-in by code, with the request's extra parameters.
type SignIn struct {
	Client     clients.Client
	Scope      string // granted
	Parameters oauth.Parameters
	Person     signin.Person
	Key        string // the request's Idempotency-Key; "" if there is none
}

func (e SignIn) parameter(name string) string { return e.Parameters.Get(name) }

// CheckExtras checks the extra parameters of a request, before the code is used up. It returns oauth.InvalidRequest if
// one of a pair is missing or the kind is unknown.
func CheckExtras(r oauth.Parameters) error {
	switch has := func(name string) bool { return r.Get(name) != "" }; {
	case has("encrypted_data") != has("iv"):
		return invalidRequest("encrypted_data and iv must be sent together.")
	case has("raw_data") != has("signature"):
		return invalidRequest("raw_data and signature must be sent together.")
	case has("encrypted_data_kind") && !slices.Contains([]string{string(wechat.KindUserInfo),
		string(wechat.KindPhone)}, r.Get("encrypted_data_kind")):
		return invalidRequest("encrypted_data_kind must be user_info (the default) or phone.")
	}
	return nil
}

// Enrich stores the extras of a sign-in and the profile that the platform has of the user. It returns the outcomes by
// the names of members of the token response. It never fails a sign-in.
func (s *Service) Enrich(ctx context.Context, e SignIn) map[string]string {
	if e.empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, enrichTimeout)
	defer cancel()
	notices := map[string]string{}
	note := func(name, notice string) {
		if notice != "" {
			notices[name] = notice
		}
	}
	note(profileNotice, s.saveProfile(ctx, e))
	note(signatureNotice, e.checkSignature())
	note(phoneNotice, s.savePhone(ctx, e))
	if len(notices) == 0 {
		return nil
	}
	return notices
}

// empty reports whether a sign-in has no extras.
func (e SignIn) empty() bool {
	return e.Person.Login.Profile == nil && e.parameter("encrypted_data") == "" && e.parameter("raw_data") == "" &&
		e.parameter("phone_code") == ""
}

// saveProfile stores the profile that WeChat encrypted for the mini-program, or the one that WeChat's API returns if
// the client was granted the scope profile.
func (s *Service) saveProfile(ctx context.Context, e SignIn) string {
	var profile identity.Profile
	var err error
	switch {
	case e.parameter("encrypted_data") != "" && e.parameter("encrypted_data_kind") != string(wechat.KindPhone):
		profile, err = s.openProfile(ctx, e)
	case e.Person.Login.Profile != nil && oauth.HasScope(e.Scope, oauth.ScopeProfile):
		profile, err = e.Person.Login.Profile(ctx)
	default:
		return ""
	}
	switch {
	case errors.Is(err, wechat.ErrBadData):
		return noticeRefused
	case err != nil:
		return noticeUnavailable
	case profile == (identity.Profile{}):
		return noticeUnchanged
	}
	kept, err := s.profiles.Suggest(ctx, e.Person.User.ID, profile)
	switch {
	case err != nil:
		s.logger.WarnContext(ctx, "cannot store a profile", "user", e.Person.User.ID, "error", err)
		return noticeUnavailable
	case !kept:
		return noticeUnchanged
	}
	return noticeKept
}

func (s *Service) openProfile(ctx context.Context, e SignIn) (identity.Profile, error) {
	opened, err := s.openAtSignIn(ctx, e, wechat.KindUserInfo)
	info, ok := opened.Fields.(*wechat.UserInfo)
	if err != nil || !ok {
		return identity.Profile{}, err
	}
	return signin.SuggestedProfile(info.Profile()), nil
}

// openAtSignIn decrypts data with the session key of this sign-in, or with an older one that is still stored, because
// the data may have been encrypted just before the sign-in.
func (s *Service) openAtSignIn(ctx context.Context, e SignIn, kind wechat.Kind) (wechat.Opened, error) {
	if e.Person.Login.SessionKey.Zero() {
		return wechat.Opened{}, wechat.ErrBadData
	}
	account := wechat.Account{AppID: e.Person.Account.App, OpenID: e.Person.Account.Subject}
	sealed := wechat.EncryptedData{Data: e.parameter("encrypted_data"), IV: e.parameter("iv")}
	opened, err := wechat.OpenWith(e.Person.Login.SessionKey, account, sealed, kind, s.now())
	if err != nil {
		if older, failed := s.vault.Decrypt(ctx, account, sealed, kind, nil); failed == nil {
			return older, nil
		}
	}
	return opened, err
}

// checkSignature checks whether raw_data came through the user's WeChat. Nothing from it is stored: since 2021 it is
// anonymous.
func (e SignIn) checkSignature() string {
	switch rawData := e.parameter("raw_data"); {
	case rawData == "":
		return ""
	case e.Person.Login.SessionKey.Zero() || !wechat.SignedWith(e.Person.Login.SessionKey, rawData,
		strings.ToLower(e.parameter("signature"))):
		return noticeRefused
	}
	return noticeVerified
}
