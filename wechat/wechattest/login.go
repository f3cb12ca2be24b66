package wechattest

import "net/http"

// codeToSession is code2Session, GET /sns/jscode2session.
func (s *logins) codeToSession(received call) *answer {
	if received.method != http.MethodGet {
		return refuse(41002) // the query of a POST was seen to be ignored
	}
	text := received.query.Get("js_code")
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
	redeemed, errcode := s.lookUp(loginCode, known.AppID, text)
	if errcode != 0 {
		return refuse(errcode)
	}
	limit := s.options.MinuteLimit
	if limit > 0 && !s.allow(perMinute(limit), "login", known.AppID, redeemed.user) {
		return refuse(45011)
	}
	redeemed.used = true
	if s.user(redeemed.user).HighRisk {
		return refuse(40226)
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
	return &answer{members: members, terse: true}
}
