package wechattest

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"time"
)

// resetsPerMinute limits the resets of a user's session key. WeChat documents that frequent resets
// are rejected, but not the number.
const resetsPerMinute = 10

// A subject is a user at an app.
type subject struct{ appID, openID string }

// A session is the one valid session key of a subject.
type session struct {
	key     string // Base64 of 16 bytes
	expires time.Time
	logins  int
}

// logins handles the logins of mini-programs and their session keys.
type logins struct {
	*platform
	*codeStore
	*appTokens
	sessions *limitedMap[subject, *session]
}

// sessionAfterLogin keeps the session key or changes it. WeChat may do either, and does not
// document when. Each login extends the lifetime of the key.
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
	current.expires = now.Add(s.options.SessionKeyLifetime)
	return current
}

func (s *logins) sessionKey() string {
	return base64.StdEncoding.EncodeToString(s.bytes(16))
}

// checkSession is checkSessionKey, GET /wxa/checksession.
func (s *logins) checkSession(received call) *answer {
	if _, _, failed := s.signedSession(received); failed != nil {
		return failed
	}
	return &answer{}
}

// resetSessionKey is ResetUserSessionKey, GET /wxa/resetusersessionkey. The
// new key expires when the old one would have.
func (s *logins) resetSessionKey(received call) *answer {
	appID, current, failed := s.signedSession(received)
	if failed != nil {
		return failed
	}
	openID := received.query.Get("openid")
	if !s.allow(perMinute(60_000), "reset", appID) ||
		!s.allow(perMinute(resetsPerMinute), "reset", appID, openID) {
		return failWith(45011)
	}
	current.key = s.sessionKey()
	return &answer{members: map[string]any{"openid": openID, "session_key": current.key}}
}

// signedSession returns the session whose key signed a call. The key of the signature is the
// session key as Base64 text, not its bytes, and the message is empty.
func (s *logins) signedSession(received call) (appID string, current *session, failed *answer) {
	if received.method != http.MethodGet {
		return "", nil, failWith(43001)
	}
	appID, failed = s.bearer(received)
	if failed != nil {
		return "", nil, failed
	}
	current, found := s.sessions.get(subject{appID, received.query.Get("openid")})
	if !found {
		return "", nil, failWith(40003)
	}
	if received.query.Get("sig_method") != "hmac_sha256" {
		return "", nil, failWith(87008)
	}
	signature := hmac.New(sha256.New, []byte(current.key)).Sum(nil)
	if received.query.Get("signature") != hex.EncodeToString(signature) || !s.now().Before(current.expires) {
		return "", nil, failWith(87009)
	}
	return appID, current, nil
}
