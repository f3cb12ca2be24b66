package wechattest_test

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func open(t *testing.T, sealed wechattest.Encrypted, key string) map[string]any {
	t.Helper()
	decode := base64.StdEncoding.DecodeString
	rawKey, err := decode(key)
	require.NoError(t, err)
	require.Len(t, rawKey, 16)
	iv, err := decode(sealed.IV)
	require.NoError(t, err)
	text, err := decode(sealed.EncryptedData)
	require.NoError(t, err)
	block, err := aes.NewCipher(rawKey)
	require.NoError(t, err)
	cipher.NewCBCDecrypter(block, iv).CryptBlocks(text, text)
	padding := int(text[len(text)-1])
	require.True(t, 1 <= padding && padding <= 16)
	for _, char := range text[len(text)-padding:] {
		require.EqualValues(t, padding, char)
	}
	var payload map[string]any
	require.NoError(t, json.Unmarshal(text[:len(text)-padding], &payload))
	return payload
}

func TestEncryptedPayloadsOpenWithTheSessionKey(t *testing.T) {
	w := start(t)
	key := w.sessionKey("ada")
	encrypt := func(plain wechattest.Plaintext) (wechattest.Encrypted, map[string]any) {
		plain.AppID, plain.User = appID, "ada"
		sealed, err := w.Encrypt(plain)
		require.NoError(t, err)
		return sealed, open(t, sealed, key)
	}

	for kind, member := range map[string]string{
		"phone": "purePhoneNumber", "user": "openId", "share": "openGId", "group": "opengid", "steps": "stepInfoList",
	} {
		_, payload := encrypt(wechattest.Plaintext{Kind: kind})
		require.Contains(t, payload, member)
		require.Equal(t, appID, payload["watermark"].(map[string]any)["appid"])
	}
	_, payload := encrypt(wechattest.Plaintext{Data: map[string]any{"a": "b"}, WatermarkAppID: otherApp,
		WatermarkAge: 60})
	require.Equal(t, otherApp, payload["watermark"].(map[string]any)["appid"])
	require.InDelta(t, w.Now().Unix()-60, payload["watermark"].(map[string]any)["timestamp"], 2)
	_, payload = encrypt(wechattest.Plaintext{Data: map[string]any{"a": "b"}, WithoutWatermark: true})
	require.Equal(t, map[string]any{"a": "b"}, payload)

	sealed, payload := encrypt(wechattest.Plaintext{Kind: "user"})
	require.Equal(t, wechattest.UnionID("platform", "ada"), payload["unionId"])
	digest := sha1.Sum([]byte(sealed.RawData + key))
	require.Equal(t, hex.EncodeToString(digest[:]), sealed.Signature)

	for length := range 17 { // every padding, a whole block included
		text := "xxxxxxxxxxxxxxxxx"[:length]
		_, payload := encrypt(wechattest.Plaintext{Data: map[string]any{"a": text}})
		require.Equal(t, text, payload["a"])
	}

	_, err := w.Encrypt(wechattest.Plaintext{AppID: appID, User: "stranger", Kind: "phone"})
	require.Error(t, err)
	_, err = w.Encrypt(wechattest.Plaintext{AppID: appID, User: "ada", Kind: "x"})
	require.Error(t, err)
}
