package wechattest_test

import (
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestCheckEncryptedMessage(t *testing.T) {
	const path = "/wxa/business/checkencryptedmsg"
	w := start(t)
	w.sessionKey("ada")
	token := w.stableToken(false).textOf("access_token")
	sealed, err := w.Encrypt(wechattest.Plaintext{AppID: appID, User: "ada", Kind: "phone"})
	require.NoError(t, err)
	steps, err := w.Encrypt(wechattest.Plaintext{AppID: appID, User: "ada", Kind: "steps"})
	require.NoError(t, err)
	ask := func(hash string) reply {
		return w.post(path, `{"encrypted_msg_hash":"`+hash+`"}`, "access_token", token)
	}
	hash := func(sealed wechattest.Encrypted) string {
		digest := sha256.Sum256([]byte(sealed.EncryptedData))
		return hex.EncodeToString(digest[:])
	}
	known := hash(sealed)

	answered := ask(known)
	require.Equal(t, true, answered.members["vaild"], "WeChat's spelling")
	require.InDelta(t, w.Now().Unix(), answered.members["create_time"], 2)
	require.Equal(t, 1, ask(strings.Repeat("0", 64)).errcode())
	require.Equal(t, 1, ask(hash(steps)).errcode(), "only phone numbers are remembered")
	w.Advance(71 * time.Hour)
	token = w.stableToken(false).textOf("access_token")
	require.Equal(t, true, ask(known).members["vaild"])
	w.Advance(2 * time.Hour)
	token = w.stableToken(false).textOf("access_token")
	require.Equal(t, 1, ask(known).errcode())
	w.SetVariant(wechattest.Variant{VaildFalse: true})
	require.Equal(t, false, ask(known).members["vaild"], "the older form")

	require.Equal(t, 40097, ask("short").errcode())
	require.Equal(t, 44002, w.post(path, "").errcode())
	require.Equal(t, 43002, w.get(path).errcode())
	require.Equal(t, 41001, w.post(path, `{}`).errcode())
	require.Equal(t, 40014, w.post(path, `{}`, "access_token", "forged").errcode())
}
