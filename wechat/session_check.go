package wechat

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"net/url"
)

// sessionClasses are the errcodes that mean something else here: the signature was not made with
// the user's current session key.
func sessionClasses() map[int]error {
	return map[int]error{87009: ErrStaleKey, 87007: ErrStaleKey}
}

// CheckSession asks WeChat whether a session key is still the user's at the app
// (checkSessionKey, GET /wxa/checksession).
func (a *AppTokens) CheckSession(ctx context.Context, credentials Credentials, openID string, key SessionKey) (bool,
	error) {
	signed := signedCall{"checkSessionKey", "/wxa/checksession", credentials, openID, key}
	_, err := callSigned(ctx, a, signed, func(object) (bool, error) { return true, nil })
	if errors.Is(err, ErrStaleKey) {
		return false, nil
	}
	return err == nil, err
}

// ResetSession replaces a user's session key (ResetUserSessionKey, GET
// /wxa/resetusersessionkey). The old key becomes invalid at once, and the new one expires when the
// old one would have. It returns ErrStaleKey if the old one was not valid. After
// ErrUnavailable it may have been replaced.
func (a *AppTokens) ResetSession(ctx context.Context, credentials Credentials, openID string,
	key SessionKey) (SessionKey, error) {
	signed := signedCall{"ResetUserSessionKey", "/wxa/resetusersessionkey", credentials, openID, key}
	return callSigned(ctx, a, signed, func(members object) (SessionKey, error) {
		if named, err := members.text("openid"); err != nil || named != openID {
			return SessionKey{}, outage("session key of another user")
		}
		text, err := members.text("session_key")
		if err != nil {
			return SessionKey{}, outage("no session key")
		}
		fresh, err := ParseSessionKey(text)
		if err != nil {
			return SessionKey{}, outage("implausible session key")
		}
		return fresh, nil
	})
}

// signedCall is a call that is signed with a session key.
type signedCall struct {
	api, path   string
	credentials Credentials
	openID      string
	key         SessionKey
}

func (q signedCall) query() url.Values {
	return url.Values{"openid": {q.openID}, "signature": {q.signature()}, "sig_method": {"hmac_sha256"}}
}

// signature signs an empty message. Its key is the session key as text.
func (q signedCall) signature() string {
	return hex.EncodeToString(hmac.New(sha256.New, []byte(q.key.text())).Sum(nil))
}

// callSigned calls WeChat with the signature. The key itself is not sent.
func callSigned[T any](ctx context.Context, a *AppTokens, q signedCall, read func(object) (T, error)) (T, error) {
	var none T
	switch {
	case !plausibleIdentifier(q.openID):
		return none, &Error{Class: ErrUnavailable, Reason: "implausible openid"}
	case q.key.Zero():
		return none, &Error{Class: ErrStaleKey, Reason: "no session key"}
	}
	return withAppToken(ctx, a, q.api, q.credentials, func(ctx context.Context, token Secret) (T, error) {
		body, err := a.client.get(ctx, q.path, withToken(token, q.query()))
		if err != nil {
			return none, err
		}
		members, err := parseAnswer(body, sessionClasses())
		if err != nil {
			return none, err
		}
		return read(members)
	})
}
