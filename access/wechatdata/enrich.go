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

// What became of the extras of a sign-in. A client reads them beside its tokens: none of them decides whether
// it gets those.
const (
	noticeKept        = "kept"
	noticeVerified    = "verified"
	noticeNotVerified = "not_verified" // kept, but WeChat could not be asked
	noticeUnchanged   = "unchanged"    // nothing is new, or the user has chosen
	noticeRefused     = "refused"
	noticeNotAllowed  = "not_allowed" // to this client, or for apps of this kind
	noticeOverBudget  = "over_budget"
	noticeUnavailable = "unavailable"
)

// Names of the notices in the answer.
const (
	profileNotice   = "profile_status"
	signatureNotice = "signature_status"
	phoneNotice     = "phone_status"
)

// enrichTimeout bounds what is done with what came with a sign-in.
const enrichTimeout = 5 * time.Second

// SignIn is a sign-in by code, with what came beside the code.
type SignIn struct {
	Client     clients.Client
	Scope      string // granted
	Parameters oauth.Parameters
	Person     signin.Person
}

func (e SignIn) parameter(name string) string { return e.Parameters.Get(name) }

// CheckExtras refuses halves and what is of no kind, before a code is spent on them.
func CheckExtras(r oauth.Parameters) error {
	switch has := func(name string) bool { return r.Get(name) != "" }; {
	case has("encrypted_data") != has("iv"):
		return invalidRequest("encrypted_data and iv belong together.")
	case has("raw_data") != has("signature"):
		return invalidRequest("raw_data and signature belong together.")
	case has("encrypted_data_kind") && !slices.Contains([]string{string(wechat.KindUserInfo),
		string(wechat.KindPhone)}, r.Get("encrypted_data_kind")):
		return invalidRequest("encrypted_data_kind is user_info, which it is if left out, or phone.")
	}
	return nil
}

// Enrich keeps what came with a sign-in, or what the platform says of its user, and returns what became of it, by
// the name of a member of the answer. It never keeps anybody out.
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
	note(profileNotice, s.takeProfile(ctx, e))
	note(signatureNotice, e.checkSignature())
	note(phoneNotice, s.takePhone(ctx, e))
	if len(notices) == 0 {
		return nil
	}
	return notices
}

// empty says that nothing came with the sign-in, as with most.
func (e SignIn) empty() bool {
	return e.Person.Login.Profile == nil && e.parameter("encrypted_data") == "" && e.parameter("raw_data") == "" &&
		e.parameter("phone_code") == ""
}

// takeProfile keeps what WeChat encrypted for the mini-program, or what it tells of the person itself if the
// client may ask for profiles.
func (s *Service) takeProfile(ctx context.Context, e SignIn) string {
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
		s.logger.WarnContext(ctx, "cannot keep a profile", "user", e.Person.User.ID, "error", err)
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

// openAtSignIn opens what was encrypted with the key of this very sign-in, or with one that it replaced if
// those are kept: a user may have tapped just before.
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

// checkSignature says whether raw_data came through the user's WeChat. Nothing in it is kept: since 2021 it
// tells of nobody.
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
