package wechattest

import "net/http"

// codeToSession simulates code2Session, GET /sns/jscode2session.
func (s *logins) codeToSession(received call) *answer {
	if received.method != http.MethodGet {
		return failWith(41002) // WeChat was observed to ignore the query of a POST
	}
	text := received.query.Get("js_code")
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
	redeemed, errcode := s.lookUp(loginCode, known.AppID, text)
	if errcode != 0 {
		return failWith(errcode)
	}
	limit := s.options.MinuteLimit
	if limit > 0 && !s.allow(perMinute(limit), "login", known.AppID, redeemed.user) {
		return failWith(45011)
	}
	redeemed.used = true
	if s.user(redeemed.user).HighRisk {
		return failWith(40226)
	}
	return s.logIn(known, redeemed.user)
}

func (s *logins) logIn(known *app, user string) *answer {
	openID := OpenID(known.AppID, user)
	members := map[string]any{
		"openid":      openID,
		"session_key": s.sessionAfterLogin(known.AppID, openID).key,
	}
	if known.OpenPlatform != "" {
		members["unionid"] = UnionID(known.OpenPlatform, user)
	}
	return &answer{members: members, omitErrcode: true}
}
