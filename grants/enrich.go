package grants

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// What became of the extras of a sign-in. A client reads them beside its tokens: none of them decides whether
// it gets those.
const (
	remarkKept        = "kept"
	remarkVerified    = "verified"
	remarkNotVerified = "not_verified" // kept, but WeChat could not be asked
	remarkUnchanged   = "unchanged"    // nothing is new, or the user has chosen
	remarkRefused     = "refused"
	remarkNotAllowed  = "not_allowed" // to this client, or for apps of this kind
	remarkOverBudget  = "over_budget"
	remarkUnavailable = "unavailable"
)

// Names of the remarks in the answer.
const (
	remarkOfProfile   = "profile_status"
	remarkOfSignature = "signature_status"
	remarkOfPhone     = "phone_status"
)

// enrichment is a sign-in whose user may be told more of.
type enrichment struct {
	Request
	app     identity.App
	login   Login
	account identity.AccountKey
	userID  string
}

// checkExtras refuses halves and what is of no kind, before a code is spent on them.
func checkExtras(r Request) error {
	switch has := func(name string) bool { return r.Parameter(name) != "" }; {
	case has("encrypted_data") != has("iv"):
		return oauth.NewError(oauth.InvalidRequest, "encrypted_data and iv belong together.")
	case has("raw_data") != has("signature"):
		return oauth.NewError(oauth.InvalidRequest, "raw_data and signature belong together.")
	case has("encrypted_data_kind") && !slices.Contains([]string{string(wechat.KindUserInfo),
		string(wechat.KindPhone)}, r.Parameter("encrypted_data_kind")):
		return oauth.NewError(oauth.InvalidRequest,
			"encrypted_data_kind is user_info, which it is if left out, or phone.")
	}
	return nil
}

// enrich keeps what came with a sign-in, or what the platform tells of its user, and says what became of it.
// It never keeps anybody out.
func (m *Manager) enrich(ctx context.Context, e enrichment) map[string]string {
	if e.empty() {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, enrichTimeout)
	defer cancel()
	remarks := map[string]string{}
	note := func(name, remark string) {
		if remark != "" {
			remarks[name] = remark
		}
	}
	note(remarkOfProfile, m.takeProfile(ctx, e))
	note(remarkOfSignature, e.checkSignature())
	note(remarkOfPhone, m.takePhone(ctx, e))
	if len(remarks) == 0 {
		return nil
	}
	return remarks
}

// empty says that nothing came with the sign-in, as with most.
func (e enrichment) empty() bool {
	return e.login.Profile == nil && e.Parameter("encrypted_data") == "" && e.Parameter("raw_data") == "" &&
		e.Parameter("phone_code") == ""
}

// takeProfile keeps what WeChat encrypted for the mini-program, or what it tells of the person itself if the
// client may ask for profiles.
func (m *Manager) takeProfile(ctx context.Context, e enrichment) string {
	var profile identity.Profile
	var err error
	switch {
	case e.Parameter("encrypted_data") != "" && e.Parameter("encrypted_data_kind") != string(wechat.KindPhone):
		profile, err = m.openProfile(ctx, e)
	case e.login.Profile != nil && oauth.HasScope(e.Scope, oauth.ScopeProfile):
		profile, err = e.login.Profile(ctx)
	default:
		return ""
	}
	switch {
	case errors.Is(err, wechat.ErrBadData):
		return remarkRefused
	case err != nil:
		return remarkUnavailable
	case profile == (identity.Profile{}):
		return remarkUnchanged
	}
	kept, err := m.Profiles.Suggest(ctx, e.userID, profile)
	switch {
	case err != nil:
		m.Logger.WarnContext(ctx, "cannot keep a profile", "user", e.userID, "error", err)
		return remarkUnavailable
	case !kept:
		return remarkUnchanged
	}
	return remarkKept
}

func (m *Manager) openProfile(ctx context.Context, e enrichment) (identity.Profile, error) {
	opened, err := m.openAtSignIn(ctx, e, wechat.KindUserInfo)
	info, ok := opened.Fields.(*wechat.UserInfo)
	if err != nil || !ok {
		return identity.Profile{}, err
	}
	return suggested(info.Profile()), nil
}

// suggested is what a platform says of a person, in our words.
func suggested(p wechat.Profile) identity.Profile {
	return identity.Profile{Nickname: p.Nickname, Picture: p.Picture, Gender: p.Gender}
}

// openAtSignIn opens what was encrypted with the key of this very sign-in, or with one that it replaced if
// those are kept: a user may have tapped just before.
func (m *Manager) openAtSignIn(ctx context.Context, e enrichment, kind wechat.Kind) (wechat.Opened, error) {
	if e.login.SessionKey.Zero() {
		return wechat.Opened{}, wechat.ErrBadData
	}
	account := wechat.Account{AppID: e.account.App, OpenID: e.account.Subject}
	sealed := wechat.EncryptedData{Data: e.Parameter("encrypted_data"), IV: e.Parameter("iv")}
	opened, err := wechat.OpenWith(e.login.SessionKey, account, sealed, kind, m.Now())
	if err != nil {
		if older, failed := m.Vault.Decrypt(ctx, account, sealed, kind, nil); failed == nil {
			return older, nil
		}
	}
	return opened, err
}

// checkSignature says whether raw_data came through the user's WeChat. Nothing in it is kept: since 2021 it
// tells of nobody.
func (e enrichment) checkSignature() string {
	switch rawData := e.Parameter("raw_data"); {
	case rawData == "":
		return ""
	case e.login.SessionKey.Zero() || !wechat.SignedWith(e.login.SessionKey, rawData,
		strings.ToLower(e.Parameter("signature"))):
		return remarkRefused
	}
	return remarkVerified
}
