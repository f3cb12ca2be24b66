package wechattest_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func sign(key string) string {
	return hex.EncodeToString(hmac.New(sha256.New, []byte(key)).Sum(nil))
}

func (w *env) session(path, key, token string) reply {
	return w.get(path, "access_token", token, "openid", wechattest.OpenID(appID, "ada"),
		"signature", sign(key), "sig_method", "hmac_sha256")
}

func TestTheSessionKeyChangesSometimes(t *testing.T) {
	for every, changes := range map[int]int{1: 5, 2: 2, 0: 1, -1: 0} {
		w := start(t, wechattest.Options{RotateEvery: every})
		changed, last := 0, w.sessionKey("ada")
		for range 5 {
			key := w.sessionKey("ada")
			if key != last {
				changed++
			}
			last = key
		}
		require.Equal(t, changes, changed, "every %d", every)
	}
}

func TestCheckSession(t *testing.T) {
	const path = "/wxa/checksession"
	w := start(t, wechattest.Options{SessionKeyLifetime: time.Hour})
	key := w.sessionKey("ada")
	token := w.stableToken(false).textOf("access_token")

	valid := w.session(path, key, token)
	require.Equal(t, `{"errcode":0,"errmsg":"ok"}`, valid.text)
	require.Equal(t, "application/json; encoding=utf-8", valid.contentType)
	require.Equal(t, 87009, w.session(path, "other", token).errcode())
	require.Equal(t, 41001, w.session(path, key, "").errcode())
	require.Equal(t, 40014, w.session(path, key, "forged").errcode())
	require.Equal(t, 43001, w.post(path, "{}").errcode())
	require.Equal(t, 40003, w.get(path, "access_token", token, "openid", "nobody").errcode())
	require.Equal(t, 87008, w.get(path, "access_token", token, "openid", wechattest.OpenID(appID, "ada"),
		"signature", sign(key), "sig_method", "md5").errcode())

	w.Advance(time.Hour)
	require.Equal(t, 87009, w.session(path, key, token).errcode(), "an expired key is invalid")
}

func TestResetUserSessionKey(t *testing.T) {
	const path = "/wxa/resetusersessionkey"
	w := start(t, wechattest.Options{SessionKeyLifetime: time.Hour})
	old := w.sessionKey("ada")
	token := w.stableToken(false).textOf("access_token")

	w.Advance(30 * time.Minute)
	answered := w.session(path, old, token)
	key := answered.textOf("session_key")
	require.Equal(t, wechattest.OpenID(appID, "ada"), answered.textOf("openid"))
	require.NotEqual(t, old, key)
	require.Equal(t, 87009, w.session("/wxa/checksession", old, token).errcode())
	require.Zero(t, w.session("/wxa/checksession", key, token).errcode())

	w.Advance(30 * time.Minute)
	require.Equal(t, 87009, w.session("/wxa/checksession", key, token).errcode(), "expired like the old key")

	key = w.sessionKey("ada")
	for range 10 {
		key = w.session(path, key, token).textOf("session_key")
	}
	require.Equal(t, 45011, w.session(path, key, token).errcode())
}
