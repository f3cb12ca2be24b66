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
	sealed, err := w.Encrypt(wechattest.Plaintext{AppID: appID, User: "ada", Kind: "steps"})
	require.NoError(t, err)
	digest := sha256.Sum256([]byte(sealed.EncryptedData))
	ask := func(hash string) reply {
		return w.post(path, `{"encrypted_msg_hash":"`+hash+`"}`, "access_token", token)
	}
	known := hex.EncodeToString(digest[:])

	answered := ask(known)
	require.Equal(t, true, answered.members["vaild"], "WeChat's spelling")
	require.InDelta(t, w.Now().Unix(), answered.members["create_time"], 2)
	require.Equal(t, false, ask(strings.Repeat("0", 64)).members["vaild"])
	w.Advance(71 * time.Hour)
	token = w.stableToken(false).textOf("access_token")
	require.Equal(t, true, ask(known).members["vaild"])
	w.Advance(2 * time.Hour)
	token = w.stableToken(false).textOf("access_token")
	require.Equal(t, false, ask(known).members["vaild"])

	require.Equal(t, 47001, ask("short").errcode())
	require.Equal(t, 44002, w.post(path, "").errcode())
	require.Equal(t, 43002, w.get(path).errcode())
	require.Equal(t, 41001, w.post(path, `{}`).errcode())
	require.Equal(t, 40014, w.post(path, `{}`, "access_token", "forged").errcode())
}
