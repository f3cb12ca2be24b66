package wechattest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// userTokenLifetime is the lifetime of a user's access token.
const userTokenLifetime = 7200 * time.Second

// An OAuthCode describes a user's consent on an OAuth page of WeChat, or in its app.
type OAuthCode struct {
	AppID string `json:"appid"` // of an official account, a website or a mobile app
	User  string `json:"user"`
	// comma-separated, of snsapi_base, snsapi_userinfo and snsapi_login; default that of the kind of app, silent for
	// official accounts
	Scope    string `json:"scope"`
	Snapshot bool   `json:"snapshot"` // the page was opened in snapshot mode, by a virtual visitor
}

// A visit is the login that a user's access token belongs to.
type visit struct {
	appID    string
	user     string
	scope    string
	snapshot bool
	expires  time.Time
}

// oauthLogins handles the logins of official accounts, websites and mobile apps.
type oauthLogins struct {
	*platform
	*codeStore
	visits *limitedMap[string, visit]
}

// MintOAuthCode returns a code as WeChat's OAuth page or SDK would return it: 32 letters and
// digits, valid for five minutes for official accounts and for ten for the others.
func (s *oauthLogins) MintOAuthCode(minted OAuthCode) (string, error) {
	if minted.Scope == "" {
		minted.Scope = s.defaultScope(minted.AppID)
	}
	for scope := range strings.SplitSeq(minted.Scope, ",") {
		if !slices.Contains([]string{"snsapi_base", "snsapi_userinfo", "snsapi_login"}, scope) {
			return "", fmt.Errorf("scope: unknown scope %q", scope)
		}
	}
	return s.mint(code{kind: oauthCode, appID: minted.AppID, user: minted.User, scope: minted.Scope,
		snapshot: minted.Snapshot})
}

func (s *oauthLogins) defaultScope(appID string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	switch known, err := s.app(appID); {
	case err == nil && known.Kind == KindWebsite:
		return "snsapi_login"
	case err == nil && known.Kind == KindMobileApp:
		return "snsapi_userinfo"
	}
	return "snsapi_base"
}

// allowsProfile reports whether one of the scopes is more than snsapi_base.
func allowsProfile(scopes string) bool {
	return slices.ContainsFunc(strings.Split(scopes, ","), func(scope string) bool { return scope != "snsapi_base" })
}

// oauthToken is GET /sns/oauth2/access_token.
func (s *oauthLogins) oauthToken(received call) *answer {
	if received.method != http.MethodGet {
		return failWith(41002) // as at code2Session
	}
	text := received.query.Get("code")
	known, failed := s.authenticate(credentials{
		appID:     received.query.Get("appid"),
		secret:    received.query.Get("secret"),
		code:      &text,
		grantType: received.query.Get("grant_type"),
		wantGrant: "authorization_code",
		remote:    received.remote,
	})
	if failed != nil {
		return failed
	}
	redeemed, errcode := s.lookUp(oauthCode, known.AppID, text)
	if errcode != 0 {
		return failWith(errcode)
	}
	redeemed.used = true
	if s.user(redeemed.user).HighRisk {
		return failWith(40226)
	}
	return s.visit(known, redeemed)
}

// visit starts a visit. No endpoint accepts its refresh token, so it is not stored. A silent login, with snsapi_base
// alone, has no unionid.
func (s *oauthLogins) visit(known *app, redeemed *code) *answer {
	now := s.now()
	s.visits.dropWhile(func(old visit) bool { return now.Sub(old.expires) > userTokenLifetime })
	text := s.alphanumeric(tokenLength)
	s.visits.put(text, visit{redeemed.appID, redeemed.user, redeemed.scope, redeemed.snapshot,
		now.Add(userTokenLifetime)})
	members := map[string]any{
		"access_token":  text,
		"expires_in":    int(userTokenLifetime / time.Second),
		"refresh_token": s.alphanumeric(tokenLength),
		"openid":        OpenID(known.AppID, redeemed.user),
		"scope":         redeemed.scope,
	}
	if known.OpenPlatform != "" && allowsProfile(redeemed.scope) {
		members["unionid"] = UnionID(known.OpenPlatform, redeemed.user)
	}
	if redeemed.snapshot {
		members["is_snapshotuser"] = 1
	}
	return &answer{members: members, omitErrcode: true}
}

// userInfo is GET /sns/userinfo. Its token must be a user's: an app's token is unknown
// here, and a user's token is unknown to endpoints that need an app's.
func (s *oauthLogins) userInfo(received call) *answer {
	text, openID := received.query.Get("access_token"), received.query.Get("openid")
	switch {
	case received.method != http.MethodGet:
		return failWith(43001)
	case text == "":
		return failWith(41001)
	case openID == "":
		return failWith(41009)
	}
	visit, found := s.visits.get(text)
	switch {
	case !found:
		return failWith(40001)
	case !s.now().Before(visit.expires):
		return failWith(42001)
	case openID != OpenID(visit.appID, visit.user):
		return failWith(40003)
	case visit.snapshot || !allowsProfile(visit.scope):
		return failWith(48001)
	}
	user := s.user(visit.user)
	members := map[string]any{
		"openid": openID, "nickname": user.Nickname, "sex": user.Sex, "headimgurl": user.HeadImgURL,
		"province": "", "city": "", "country": "", "privilege": []string{},
	}
	if known, err := s.app(visit.appID); err == nil && known.OpenPlatform != "" {
		members["unionid"] = UnionID(known.OpenPlatform, visit.user)
	}
	return &answer{members: members, omitErrcode: true}
}
