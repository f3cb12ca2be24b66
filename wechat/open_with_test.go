package wechat

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDataOfASignInIsOpened(t *testing.T) {
	key, now := parseKey(t, keyText), time.Now()
	opened, err := OpenWith(key, ada, encrypt(key, goodPhone()), KindPhone, now)
	require.NoError(t, err)
	require.Equal(t, KindPhone, opened.Kind)
	require.Equal(t, &PhoneInfo{PhoneNumber: "13800000000", PurePhoneNumber: "13800000000", CountryCode: "86"},
		opened.Fields)
	require.False(t, opened.Verified, "WeChat was not asked")

	user := encrypt(key, `{"openId":"oAda","nickName":"Ada","avatarUrl":"",`+
		`"gender":0,"language":"","city":"","province":"","country":"",`+mark(ada.AppID, now)+"}")
	opened, err = OpenWith(key, ada, user, KindUserInfo, now)
	require.NoError(t, err)
	require.Equal(t, "Ada", opened.Fields.(*UserInfo).NickName)
}

func TestOtherDataIsOneError(t *testing.T) {
	key, now := parseKey(t, keyText), time.Now()
	good := encrypt(key, goodPhone())
	user := encrypt(key, `{"openId":"oAda","nickName":"Ada","avatarUrl":"",`+
		`"gender":0,"city":"","province":"","country":"",`+mark(ada.AppID, now)+"}")
	for name, c := range map[string]struct {
		key     SessionKey
		account Account
		sealed  EncryptedData
		kind    Kind
		now     time.Time
	}{
		"another key":         {numberedKey(t, 1), ada, good, KindPhone, now},
		"no key":              {SessionKey{}, ada, good, KindPhone, now},
		"no key, zeros":       {SessionKey{}, ada, encrypt(SessionKey{}, goodPhone()), KindPhone, now},
		"another app":         {key, Account{"wxfedcba9876543210", "oAda"}, good, KindPhone, now},
		"another user":        {key, bob, user, KindUserInfo, now},
		"another kind":        {key, ada, good, KindUserInfo, now},
		"no kind":             {key, ada, good, "", now},
		"old":                 {key, ada, good, KindPhone, now.Add(73 * time.Hour)},
		"of the future":       {key, ada, good, KindPhone, now.Add(-time.Hour)},
		"nothing":             {key, ada, EncryptedData{}, KindPhone, now},
		"without an IV":       {key, ada, EncryptedData{Data: good.Data}, KindPhone, now},
		"data and IV swapped": {key, ada, EncryptedData{good.IV, good.Data}, KindPhone, now},
		"too long":            {key, ada, EncryptedData{strings.Repeat("A", 1<<20), good.IV}, KindPhone, now},
		"padding not text":    {key, ada, encrypt(key, ""), KindPhone, now},
	} {
		opened, err := OpenWith(c.key, c.account, c.sealed, c.kind, c.now)
		require.True(t, err == ErrBadData, "%s: %v", name, err) // the same value, not wrapped
		require.Zero(t, opened, name)
	}
}

// TestNoLengthPanics: AES accepts only whole blocks, and an IV of one block.
func TestNoLengthPanics(t *testing.T) {
	key := parseKey(t, keyText)
	good := encrypt(key, goodPhone())
	raw, err := base64.StdEncoding.DecodeString(good.Data)
	require.NoError(t, err)
	raw = append(raw, make([]byte, 33)...)
	sizes := []int{0, 1, 15, 16, 17, 24, 31, 32, 33}
	for size := range len(raw) {
		sizes = append(sizes, size)
	}
	for _, size := range slices.Compact(sizes) {
		for _, iv := range []int{0, 1, 15, 16, 17, 32} {
			sealed := EncryptedData{base64.StdEncoding.EncodeToString(raw[:size]),
				base64.StdEncoding.EncodeToString(make([]byte, iv))}
			_, err := OpenWith(key, ada, sealed, KindPhone, time.Now())
			require.True(t, err == ErrBadData, "%d, %d", size, iv)
		}
		cut := EncryptedData{good.Data[:min(size, len(good.Data)-1)], good.IV} // Base64 of any length
		_, err := OpenWith(key, ada, cut, KindPhone, time.Now())
		require.True(t, err == ErrBadData, size)
	}
}

func TestASignatureOfTheSignIn(t *testing.T) {
	key := parseKey(t, "HyVFkGl5F5OQWJZZaNzBBg==")
	const raw = `{"nickName":"微信用户"}`
	sign := func(raw string, key SessionKey) string {
		digest := sha1.Sum([]byte(raw + key.text()))
		return hex.EncodeToString(digest[:])
	}
	right := sign(raw, key)
	require.True(t, SignedWith(key, raw, right))
	require.False(t, SignedWith(key, raw+" ", right))
	require.False(t, SignedWith(key, raw, ""))
	require.False(t, SignedWith(key, raw, strings.ToUpper(right)))
	require.False(t, SignedWith(parseKey(t, keyText), raw, right))
	require.False(t, SignedWith(SessionKey{}, raw, sign(raw, SessionKey{})), "anybody can sign without a key")
}

func FuzzOpenWith(f *testing.F) {
	key := parseKey(f, keyText)
	good := encrypt(key, goodPhone())
	f.Add(good.Data, good.IV, "phone", int64(0))
	f.Add("", "", "", int64(1))
	f.Add("AAAA", good.IV, "user_info", int64(-1))
	f.Add(good.Data[:21], good.IV[:5], "run", int64(1<<62))
	f.Fuzz(func(t *testing.T, data, iv, kind string, seconds int64) {
		opened, err := OpenWith(key, ada, EncryptedData{data, iv}, Kind(kind), time.Unix(seconds, 0))
		if err != nil {
			require.True(t, err == ErrBadData)
			require.Zero(t, opened)
			return
		}
		_, err = json.Marshal(opened.Fields)
		require.NoError(t, err)
	})
}
