package wechattest

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"
)

// userTokenLife is how long a user's access token lives.
const userTokenLife = 7200 * time.Second

// An OAuthCode is what a person agreed to on a page of WeChat's, or in its app.
type OAuthCode struct {
	AppID string `json:"appid"` // of an official account, a website or a mobile app
	User  string `json:"user"`
	// comma-separated, of snsapi_base, snsapi_userinfo and snsapi_login; default snsapi_base
	Scope    string `json:"scope"`
	Snapshot bool   `json:"snapshot"` // the page was opened in snapshot mode: it is a virtual visitor's
}

// A visit is what the access token of a user is good for.
type visit struct {
	appID    string
	user     string
	scope    string
	snapshot bool
	expires  time.Time
}

// oauthLogins are those of official accounts, websites and mobile apps.
type oauthLogins struct {
	*platform
	*codeStore
	visits *shelf[string, visit]
}

// MintOAuthCode returns what WeChat's pages would send a browser back with, and
// its SDK a mobile app: 32 letters and digits that live five minutes at official
// accounts and ten at the others.
func (s *oauthLogins) MintOAuthCode(minted OAuthCode) (string, error) {
	if minted.Scope == "" {
		minted.Scope = "snsapi_base"
	}
	for scope := range strings.SplitSeq(minted.Scope, ",") {
		if scope != "snsapi_base" && !tellsProfile(scope) {
			return "", fmt.Errorf("scope: %q is not known", scope)
		}
	}
	return s.mint(code{kind: oauthCode, appID: minted.AppID, user: minted.User, scope: minted.Scope,
		snapshot: minted.Snapshot})
}

func tellsProfile(scope string) bool { return scope == "snsapi_userinfo" || scope == "snsapi_login" }

// oauthToken is GET /sns/oauth2/access_token.
func (s *oauthLogins) oauthToken(received call) *answer {
	if received.method != http.MethodGet {
		return refuse(41002) // as at code2Session
	}
	text := received.query.Get("code")
	known, refused := s.authenticate(credentials{
		appID:     received.query.Get("appid"),
		secret:    received.query.Get("secret"),
		code:      &text,
		grantType: received.query.Get("grant_type"),
		wantGrant: "authorization_code",
		remote:    received.remote,
	})
	if refused != nil {
		return refused
	}
	redeemed, errcode := s.lookUp(oauthCode, known.AppID, text)
	if errcode != 0 {
		return refuse(errcode)
	}
	redeemed.used = true
	if s.user(redeemed.user).HighRisk {
		return refuse(40226)
	}
	return s.visit(known, redeemed)
}

// visit begins one. Nothing takes its refresh token, so that is not remembered.
func (s *oauthLogins) visit(known *app, redeemed *code) *answer {
	now := s.now()
	s.visits.dropWhile(func(old visit) bool { return now.Sub(old.expires) > userTokenLife })
	text := s.alphanumeric(tokenLength)
	s.visits.put(text, visit{redeemed.appID, redeemed.user, redeemed.scope, redeemed.snapshot, now.Add(userTokenLife)})
	members := map[string]any{
		"access_token":  text,
		"expires_in":    int(userTokenLife / time.Second),
		"refresh_token": s.alphanumeric(tokenLength),
		"openid":        OpenID(known.AppID, redeemed.user),
		"scope":         redeemed.scope,
	}
	if known.OpenPlatform != "" {
		members["unionid"] = UnionID(known.OpenPlatform, redeemed.user)
	}
	if redeemed.snapshot {
		members["is_snapshotuser"] = 1
	}
	return &answer{members: members, terse: true}
}

// userInfo is GET /sns/userinfo. Its token is a user's: an app's is an unknown
// one here, as a user's is where an app's is needed.
func (s *oauthLogins) userInfo(received call) *answer {
	text, openID := received.query.Get("access_token"), received.query.Get("openid")
	switch {
	case received.method != http.MethodGet:
		return refuse(43001)
	case text == "":
		return refuse(41001)
	case openID == "":
		return refuse(41009)
	}
	visit, found := s.visits.get(text)
	switch {
	case !found:
		return refuse(40001)
	case !s.now().Before(visit.expires):
		return refuse(42001)
	case openID != OpenID(visit.appID, visit.user):
		return refuse(40003)
	case visit.snapshot || !slices.ContainsFunc(strings.Split(visit.scope, ","), tellsProfile):
		return refuse(48001)
	}
	user := s.user(visit.user)
	members := map[string]any{
		"openid": openID, "nickname": user.Nickname, "sex": user.Sex, "headimgurl": user.HeadImgURL,
		"province": "", "city": "", "country": "", "privilege": []string{},
	}
	if known, err := s.app(visit.appID); err == nil && known.OpenPlatform != "" {
		members["unionid"] = UnionID(known.OpenPlatform, visit.user)
	}
	return &answer{members: members, terse: true}
}
