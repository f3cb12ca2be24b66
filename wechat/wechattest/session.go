package wechattest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"
)

// resetsPerMinute is how often one user's session key may be reset. That
// frequent resets are refused is documented, the number is not.
const resetsPerMinute = 10

// A subject is a user at an app.
type subject struct{ appID, openID string }

// A session is the one valid session key of a subject.
type session struct {
	key     string // Base64 of 16 bytes
	expires time.Time
	logins  int
}

// logins are those of mini-programs, with the session keys that they make.
type logins struct {
	*platform
	*codeStore
	*appTokens
	sessions *shelf[subject, *session]
}

// sessionAfterLogin keeps the session key or changes it. WeChat may do either
// and does not say when; each login makes a live one last longer.
func (s *logins) sessionAfterLogin(appID, openID string) *session {
	now := s.now()
	current, found := s.sessions.get(subject{appID, openID})
	if !found {
		current = &session{}
		s.sessions.put(subject{appID, openID}, current)
	}
	every := s.options.RotateEvery
	due := every > 0 && current.logins%every == 0
	if current.key == "" || due || !now.Before(current.expires) {
		current.key = s.sessionKey()
	}
	current.logins++
	current.expires = now.Add(s.options.SessionKeyLife)
	return current
}

func (s *logins) sessionKey() string {
	return base64.StdEncoding.EncodeToString(s.bytes(16))
}

// checkSession is checkSessionKey, GET /wxa/checksession.
func (s *logins) checkSession(received call) *answer {
	if _, _, refused := s.signedSession(received); refused != nil {
		return refused
	}
	return &answer{}
}

// resetSessionKey is ResetUserSessionKey, GET /wxa/resetusersessionkey. The
// new key expires when the old one would have.
func (s *logins) resetSessionKey(received call) *answer {
	appID, current, refused := s.signedSession(received)
	if refused != nil {
		return refused
	}
	openID := received.query.Get("openid")
	if !s.allow(perMinute(60_000), "reset", appID) ||
		!s.allow(perMinute(resetsPerMinute), "reset", appID, openID) {
		return refuse(45011)
	}
	current.key = s.sessionKey()
	return &answer{members: map[string]any{"openid": openID, "session_key": current.key}}
}

// signedSession returns the session that a call's signature proves knowledge
// of. The signature's key is the session key as Base64 text, not its bytes,
// and its message is empty.
func (s *logins) signedSession(received call) (appID string, current *session, refused *answer) {
	if received.method != http.MethodGet {
		return "", nil, refuse(43001)
	}
	appID, refused = s.bearer(received)
	if refused != nil {
		return "", nil, refused
	}
	current, found := s.sessions.get(subject{appID, received.query.Get("openid")})
	if !found {
		return "", nil, refuse(40003)
	}
	if received.query.Get("sig_method") != "hmac_sha256" {
		return "", nil, refuse(87008)
	}
	signature := hmac.New(sha256.New, []byte(current.key)).Sum(nil)
	if received.query.Get("signature") != hex.EncodeToString(signature) || !s.now().Before(current.expires) {
		return "", nil, refuse(87009)
	}
	return appID, current, nil
}
