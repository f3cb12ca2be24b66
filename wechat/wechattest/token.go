package wechattest

import (
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

// Lifetimes and quotas of app-level access tokens. Those of the stable kind are documented
// (getStableAccessToken); the classic kind's daily quota is known to be in the low thousands.
const (
	tokenLifetime   = 7200 * time.Second
	tokenOverlap    = 5 * time.Minute
	tokenLength     = 136 // characters
	stablePerMinute = 10_000
	stablePerDay    = 500_000
	forcedPerDay    = 20
	forcedApart     = 30 * time.Second
	classicPerDay   = 2_000
)

// A token is an app-level access token.
type token struct {
	text    string
	appID   string
	expires time.Time // after expires_in
	dead    time.Time // when a replaced token becomes invalid; zero: it was not replaced
}

// A tokenPair is the latest token of a kind, and when a renewal was last forced. The two kinds of
// an app are independent.
type tokenPair struct {
	latest *token
	forced time.Time
}

// appTokens are the access tokens of apps, of both kinds.
type appTokens struct {
	*platform
	tokens *limitedMap[string, *token]
}

// classicToken is getAccessToken, GET /cgi-bin/token: every call replaces the
// token, and the previous one is valid for five more minutes.
func (s *appTokens) classicToken(received call) *answer {
	if received.method != http.MethodGet {
		return failWith(43001)
	}
	known, failed := s.authenticate(credentials{
		appID:     received.query.Get("appid"),
		secret:    received.query.Get("secret"),
		grantType: received.query.Get("grant_type"),
		wantGrant: "client_credential",
		remote:    received.remote,
	})
	if failed != nil {
		return failed
	}
	if !s.allow(perDay(classicPerDay), "classic", known.AppID) {
		return failWith(45009)
	}
	s.replace(known.AppID, &known.classic, tokenOverlap)
	return s.tokenAnswer(known.classic.latest)
}

// stableToken is getStableAccessToken, POST /cgi-bin/stable_token.
func (s *appTokens) stableToken(received call) *answer {
	var body struct {
		GrantType    string `json:"grant_type"`
		AppID        string `json:"appid"`
		Secret       string `json:"secret"`
		ForceRefresh bool   `json:"force_refresh"`
	}
	if strings.HasPrefix(received.contentType, "application/x-www-form-urlencoded") {
		return failWith(41002) // WeChat was observed to read a form as an object without members
	}
	if failed := decodePost(received, &body); failed != nil {
		return failed
	}
	known, failed := s.authenticate(credentials{
		appID: body.AppID, secret: body.Secret,
		grantType: body.GrantType, wantGrant: "client_credential",
		remote: received.remote,
	})
	if failed != nil {
		return failed
	}
	if !s.allow(perMinute(stablePerMinute), "stable", known.AppID) {
		return failWith(45011)
	}
	if !s.allow(perDay(stablePerDay), "stable", known.AppID) {
		return failWith(45009)
	}
	s.renewStable(known, body.ForceRefresh)
	return s.tokenAnswer(known.stable.latest)
}

// renewStable keeps the token unless it is about to expire or a forced renewal is allowed. A
// forced renewal ends the old token at once; if the quota of forced ones is exhausted, the
// token is kept.
func (s *appTokens) renewStable(known *app, force bool) {
	latest := known.stable.latest
	switch {
	case latest == nil || s.now().Add(tokenOverlap).After(latest.expires):
		s.replace(known.AppID, &known.stable, tokenOverlap)
	case force && s.now().Sub(known.stable.forced) >= forcedApart &&
		s.allow(perDay(forcedPerDay), "forced", known.AppID):
		known.stable.forced = s.now()
		s.replace(known.AppID, &known.stable, 0)
	}
}

func (s *appTokens) replace(appID string, pair *tokenPair, overlap time.Duration) {
	now := s.now()
	if pair.latest != nil {
		pair.latest.dead = now.Add(overlap)
	}
	pair.latest = &token{
		text:    s.alphanumeric(tokenLength),
		appID:   appID,
		expires: now.Add(tokenLifetime),
	}
	s.tokens.put(pair.latest.text, pair.latest)
}

func (s *appTokens) tokenAnswer(latest *token) *answer {
	remaining := (latest.expires.Sub(s.now()) + time.Second - 1) / time.Second
	return &answer{
		members:     map[string]any{"access_token": latest.text, "expires_in": int(remaining)},
		omitErrcode: true,
	}
}

// bearer returns the app of a call's access token.
func (s *appTokens) bearer(received call) (appID string, failed *answer) {
	text := received.query.Get("access_token")
	if text == "" {
		return "", failWith(41001)
	}
	presented, found := s.tokens.get(text)
	switch {
	case !found:
		return "", failWith(40014)
	case !s.now().Before(presented.expires):
		return "", failWith(42001)
	case !presented.dead.IsZero() && !s.now().Before(presented.dead):
		return "", failWith(40001)
	}
	return presented.appID, nil
}

// miniProgram returns the mini-program of a call's access token, for calls that other apps may not make.
func (s *appTokens) miniProgram(received call) (*app, *answer) {
	appID, failed := s.bearer(received)
	if failed != nil {
		return nil, failed
	}
	known, err := s.app(appID)
	switch {
	case err != nil:
		return nil, failWith(40013)
	case !known.isMiniProgram():
		return nil, failWith(48001)
	}
	return known, nil
}

// decodePost reads the JSON body of a POST.
func decodePost(received call, into any) *answer {
	switch {
	case received.method != http.MethodPost:
		return failWith(43002)
	case len(received.body) == 0:
		return failWith(44002)
	case json.Unmarshal(received.body, into) != nil:
		return failWith(47001)
	}
	return nil
}
