package wechat

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func mark(appID string, at time.Time) string {
	return fmt.Sprintf(`"watermark":{"appid":%q,"timestamp":%d}`, appID, at.Unix())
}

func open(data EncryptedData, key SessionKey, kind Kind) (Opened, error) {
	return data.decode().open(key, kind, ada, time.Now())
}

func TestEveryKindIsOpened(t *testing.T) {
	key := parseKey(t, keyText)
	for name, c := range map[string]struct {
		kind       Kind
		text, want string
	}{
		"getUserInfo": {KindUserInfo,
			`{"openId":"oAda","nickName":"微信用户<script>","gender":1,"language":"zh_CN",` +
				`"city":"","province":"","country":"",` +
				`"avatarUrl":"https:\/\/thirdwx.qlogo.cn\/1","unionId":"oUnion"`,
			`{"openId":"oAda","unionId":"oUnion","nickName":"微信用户\u003cscript\u003e","gender":1,` +
				`"language":"zh_CN","city":"","province":"","country":"",` +
				`"avatarUrl":"https://thirdwx.qlogo.cn/1"}`},
		"getUserProfile": {KindUserInfo,
			`{"nickName":"a\ud83d\ude00","gender":0,"city":"","province":"","country":"","avatarUrl":""`,
			`{"nickName":"a😀","gender":0,"language":"","city":"","province":"","country":"","avatarUrl":""}`},
		"phone": {KindPhone, `{"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":"86"`,
			`{"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":"86"}`},
		"phone abroad": {KindPhone, `{"phoneNumber":"+15550100","purePhoneNumber":"5550100","countryCode":1`,
			`{"phoneNumber":"+15550100","purePhoneNumber":"5550100","countryCode":"1"}`},
		"a picture by http": {KindUserInfo,
			`{"nickName":"a","gender":0,"city":"","province":"","country":"","avatarUrl":"http:\/\/wx.qlogo.cn\/1?a=b"`,
			`{"nickName":"a","gender":0,"language":"","city":"","province":"","country":"",` +
				`"avatarUrl":"https://wx.qlogo.cn/1?a=b"}`},
		"control characters in names": {KindUserInfo, "\ufeff{\"nickName\":\"A\x00d\\u0007a\n\ufeff\",\"gender\":0," +
			"\"city\":\"\\u007f\",\"avatarUrl\":\"\"",
			`{"nickName":"Ada","gender":0,"language":"","city":"","province":"","country":"","avatarUrl":""}`},
		"members that are not known": {KindUserInfo,
			`{"nickName":"a","is_demote":true,"x":{"openId":["oBob"]},"phoneNumber":1,"OpenId":"oBob"`,
			`{"nickName":"a","gender":0,"language":"","city":"","province":"","country":"","avatarUrl":""}`},
		"share":          {KindShare, `{"openGId":"tGroup","opengid":7`, `{"openGId":"tGroup"}`},
		"group, as once": {KindGroup, `{"opengid":"tGroup"`, `{"opengid":"tGroup"}`},
		"group": {KindGroup,
			`{"opengid":"tGroup","open_single_roomid":"","group_openid":"oAdaHere","chat_type":3`,
			`{"opengid":"tGroup","group_openid":"oAdaHere","chat_type":3}`},
		"chat of two": {KindGroup, `{"open_single_roomid":"tRoom","chat_type":1`,
			`{"open_single_roomid":"tRoom","chat_type":1}`},
		"run": {KindRun,
			`{"stepInfoList":[{"timestamp":1445866601,"step":100},{"step":0,"timestamp":1445876601}]`,
			`{"stepInfoList":[{"timestamp":1445866601,"step":100},{"timestamp":1445876601,"step":0}]}`},
		"run with more members": {KindRun, `{"stepInfoList":[{"timestamp":1,"step":2,"x":3}],"y":4`,
			`{"stepInfoList":[{"timestamp":1,"step":2}]}`},
		"run of a new day": {KindRun, `{"stepInfoList":[]`, `{"stepInfoList":[]}`},
	} {
		t.Run(name, func(t *testing.T) {
			now := time.Now()
			opened, err := open(encrypt(key, c.text+","+mark(ada.AppID, now)+"}"), key, c.kind)
			require.NoError(t, err)
			require.Equal(t, c.kind, opened.Kind)
			require.Equal(t, now.Unix(), opened.Timestamp.Unix())
			require.False(t, opened.Verified)
			encoded, err := json.Marshal(opened.Fields)
			require.NoError(t, err)
			require.Equal(t, c.want, string(encoded))
		})
	}
}

// TestTheSampleOfTencent is of the demo of decryption that Tencent has published since 2016.
func TestTheSampleOfTencent(t *testing.T) {
	data := EncryptedData{IV: "r7BXXKkLb8qrSNn05n0qiA==", Data: "" +
		"CiyLU1Aw2KjvrjMdj8YKliAjtP4gsMZMQmRzooG2xrDcvSnxIMXFufNstNGTyaGS" +
		"9uT5geRa0W4oTOb1WT7fJlAC+oNPdbB+3hVbJSRgv+4lGOETKUQz6OYStslQ142dNCuabNPGBzlooOmB231qMM85d2/fV6Ch" +
		"evvXvQP8Hkue1poOFtnEtpyxVLW1zAo6/1Xx1COxFvrc2d7UL/lmHInNlxuacJXwu0fjpXfz/YqYzBIBzD6WUfTIF9GRHpOn" +
		"/Hz7saL8xz+W//FRAUid1OksQaQx4CMs8LOddcQhULW4ucetDf96JcR3g0gfRK4PC7E/r7Z6xNrXd2UIeorGj5Ef7b1pJAYB" +
		"6Y5anaHqZ9J6nKEBvB4DnNLIVWSgARns/8wR2SiRS7MNACwTyrGvt9ts8p12PKFdlqYTopNHR1Vf7XjfhQlVsAJdNiKdYmYV" +
		"oKlaRv85IfVunYzO0IKXsyl7JCUjCpoG20f0a04COwfneQAGGwd5oa+T8yO5hzuyDb/XcxxmK01EpqOyuxINew=="}
	account := Account{AppID: "wx4f4bc4dec97d474b", OpenID: "oGZUI0egBJY1zhBYw2KhdUfwVJJE"}
	then := time.Unix(1477314187, 0)
	opened, err := OpenWith(parseKey(t, "tiihtNczf5v6AKRyjwEUhQ=="), account, data, KindUserInfo, then)
	require.NoError(t, err)
	require.Equal(t, then.Unix(), opened.Timestamp.Unix())
	info := opened.Fields.(*UserInfo)
	require.Equal(t, "Band", info.NickName)
	require.Equal(t, "ocMvos6NjeKLIBqg5Mr9QjxrP1FA", info.UnionID)
	require.True(t, strings.HasPrefix(info.AvatarURL, "https://wx.qlogo.cn/mmopen/vi_32/"))
}

// goodPhone is valid data, which the tests modify in one place.
func goodPhone() string {
	return `{"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":"86",` + mark(ada.AppID,
		time.Now()) + "}"
}

// TestAllInvalidDataGivesTheSameError, and no data is returned.
func TestAllInvalidDataGivesTheSameError(t *testing.T) {
	key := parseKey(t, keyText)
	good := encrypt(key, goodPhone())
	_, err := open(good, key, KindPhone)
	require.NoError(t, err)
	for name, data := range wrongTexts(t, key, good) {
		requireBadData(t, name, data, key, KindPhone)
	}
	for name, text := range wrongPhones() {
		requireBadData(t, name, encrypt(key, text), key, KindPhone)
	}
	for kind, texts := range wrongFields() {
		for _, text := range texts {
			requireBadData(t, text, encrypt(key, text+","+mark(ada.AppID, time.Now())+"}"), key, kind)
		}
	}
	for _, kind := range []Kind{KindUserInfo, KindShare, KindGroup, KindRun, "", "Phone", "phone ", "PHONE"} {
		requireBadData(t, "another kind "+string(kind), good, key, kind)
	}
	requireBadData(t, "another key", good, numberedKey(t, 1), KindPhone)
	requireBadData(t, "no key", good, SessionKey{}, KindPhone)
}

func requireBadData(t *testing.T, name string, data EncryptedData, key SessionKey, kind Kind) {
	t.Helper()
	opened, err := open(data, key, kind)
	require.True(t, err == ErrBadData, "%s: %v", name, err) // the same value, not wrapped
	require.Zero(t, opened, name)
}

func wrongTexts(t *testing.T, key SessionKey, good EncryptedData) map[string]EncryptedData {
	raw, err := base64.StdEncoding.DecodeString(good.Data)
	require.NoError(t, err)
	standard := base64.StdEncoding.EncodeToString
	data := func(text string) EncryptedData { return EncryptedData{text, good.IV} }
	iv := func(text string) EncryptedData { return EncryptedData{good.Data, text} }
	wrong := map[string]EncryptedData{
		"nothing": {}, "no data": data(""), "no iv": iv(""), "not Base64": data("***"),
		"unpadded Base64":    data(strings.TrimRight(standard(raw[:16]), "=")),
		"spaces for plusses": data(" " + good.Data[1:]), "line end": data(good.Data + "\n"),
		"line end within": data(good.Data[:64] + "\n" + good.Data[64:]), "URL alphabet": data("-_" + good.Data[2:]),
		"NUL": data(good.Data[:8] + "\x00" + good.Data[9:]), "two texts": data(good.Data + good.Data),
		"15 bytes": data(standard(raw[:15])), "17 bytes": data(standard(raw[:17])),
		"a block less": data(standard(raw[:len(raw)-16])), "the first block gone": data(standard(raw[16:])),
		"one block": data(standard(raw[:16])), "too long": data(standard(make([]byte, maxCiphertext+16))),
		"far too long": data(strings.Repeat("A", 1<<20)),
		"iv of 15":     iv(standard(make([]byte, 15))), "iv of 17": iv(standard(make([]byte, 17))),
		"iv of 32": iv(standard(make([]byte, 32))), "iv of zeros": iv(standard(make([]byte, 16))),
		"iv with space": iv(" " + good.IV[1:]), "iv with line end": iv(good.IV + "\r\n"),
		"blocks swapped": data(standard(append(append(append([]byte{}, raw[16:32]...), raw[:16]...), raw[32:]...))),
	}
	for _, pad := range [][]byte{{0}, {17}, {255}, {2}, {1, 2}, {3, 2, 3}, {16}, {32}} {
		block := append([]byte(goodPhone()), make([]byte, 16)...)
		block = block[:len(block)/16*16]
		copy(block[len(block)-len(pad):], pad)
		wrong[fmt.Sprintf("padding %v", pad)] = encryptBlocks(key, block)
	}
	wrong["padding alone"] = encrypt(key, "")
	return wrong
}

func wrongPhones() map[string]string {
	now := time.Now()
	phone := `{"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":"86"`
	watermark := mark(ada.AppID, now)
	wrong := map[string]string{
		"no watermark": phone + "}", "watermark null": phone + `,"watermark":null}`, "watermark empty": phone +
			`,"watermark":{}}`, "watermark a text": phone + `,"watermark":"x"}`,
		"foreign watermark": phone + "," + mark("wxfedcba9876543210", now) + "}", "watermark twice": phone + "," +
			watermark + "," + watermark + "}",
		"old":             phone + "," + mark(ada.AppID, now.Add(-72*time.Hour-time.Minute)) + "}",
		"years old":       phone + "," + mark(ada.AppID, time.Unix(1477314187, 0)) + "}",
		"of the future":   phone + "," + mark(ada.AppID, now.Add(6*time.Minute)) + "}",
		"of no time":      phone + `,"watermark":{"appid":"` + ada.AppID + `","timestamp":9223372036854775807}}`,
		"below zero":      phone + `,"watermark":{"appid":"` + ada.AppID + `","timestamp":-1}}`,
		"time a text":     phone + fmt.Sprintf(`,"watermark":{"appid":"%s","timestamp":"%d"}}`, ada.AppID, now.Unix()),
		"time a fraction": phone + fmt.Sprintf(`,"watermark":{"appid":"%s","timestamp":%d.0}}`, ada.AppID, now.Unix()),
		"time twice": phone + fmt.Sprintf(`,"watermark":{"appid":"%s","timestamp":%d,"timestamp":%d}}`,
			ada.AppID, now.Unix(), now.Unix()),
		"appid twice": phone + fmt.Sprintf(`,"watermark":{"appid":"%s","appid":"%s","timestamp":%d}}`,
			ada.AppID, ada.AppID, now.Unix()),
		"two objects": phone + "," + watermark + "}{}", "text after": phone + "," + watermark + "} x",
		"NUL after": phone + "," + watermark + "}\x00",
		"array":     "[" + phone + "," + watermark + "}]", "cut": phone + "," + watermark, "null": "null", "empty": "",
		"deep":                 strings.Repeat(`{"a":`, 9000),
		"invalid UTF-8":        phone[:18] + "\xff" + phone[19:] + "," + watermark + "}",
		"unknown member twice": phone + `,"x":1,"x":1,` + watermark + "}",
		"another case": strings.Replace(phone, "phoneNumber",
			"PhoneNumber", 1) + "," + watermark + "}",
		"member twice": phone + `,"countryCode":"86",` + watermark + "}", "twice by an escape": phone +
			`,"country\u0043ode":"86",` + watermark + "}",
	}
	for _, number := range []string{`"countryCode":"","purePhoneNumber":"13800000000"`,
		`"countryCode":null,"purePhoneNumber":"13800000000"`,
		`"countryCode":true,"purePhoneNumber":"13800000000"`, `"countryCode":8.6,"purePhoneNumber":"13800000000"`,
		`"countryCode":"086","purePhoneNumber":"13800000000"`,
		`"countryCode":"86","purePhoneNumber":""`, `"countryCode":"86","purePhoneNumber":null`,
		`"countryCode":"86","purePhoneNumber":"13800000001"`,
		`"countryCode":"86","purePhoneNumber":13800000000`, `"countryCode":"86"`, `"purePhoneNumber":"13800000000"`} {
		wrong["number "+number] = `{"phoneNumber":"13800000000",` + number + "," + watermark + "}"
	}
	return wrong
}

func wrongFields() map[Kind][]string {
	user := func(change string) string {
		return `{"gender":0,"city":"","province":"","country":"",` + change
	}
	return map[Kind][]string{
		KindUserInfo: {
			user(`"nickName":"a","openId":"oBob"`), user(`"nickName":"a","openId":""`),
			user(`"nickName":"a","openId":null`), user(`"nickName":"a","unionId":""`),
			user(`"nickName":"a","unionId":"a b"`),
			user(`"nickName":7`), user(`"nickName":null`), user(`"avatarUrl":""`), user(`"nickName":"\ud800"`),
			user(`"nickName":"a","openId":"oAda\u0000"`),
			user(`"nickName":"` + strings.Repeat("x", maxFieldText+1) + `"`),
			user(`"nickName":"a","avatarUrl":"javascript:alert(1)"`),
			user(`"nickName":"a","avatarUrl":"//evil.example"`),
			user(`"nickName":"a","avatarUrl":"http://evil.example"`),
			user(`"nickName":"a","avatarUrl":"http://wx.qlogo.cn.evil.example/1"`),
			user(`"nickName":"a","avatarUrl":"http://wx.qlogo.cn:8080/1"`),
			user(`"nickName":"a","avatarUrl":"https://wx.qlogo.cn/\u0000"`), user(`"nickName":"a","gender":1`),
			`{"nickName":"a","gender":"1"`, `{"nickName":"a","gender":-1`,
		},
		KindShare: {`{"openGId":""`, `{"openGId":7`, `{"openGId":"a b"`, `{"opengid":"tGroup"`},
		KindGroup: {`{"openGId":"tGroup"`, `{"opengid":""`, `{"opengid":"","open_single_roomid":""`, `{"opengid":null`,
			`{"opengid":"a b"`, `{"group_openid":"oAda"`, `{"opengid":"tGroup","chat_type":"3"`,
			`{"opengid":"tGroup","open_single_roomid":7`, `{"opengid":"tGroup","group_openid":"a\u0000"`,
			`{"opengid":"tGroup","opengid":"tGroup"`},
		KindRun: {
			`{"stepInfoList":null`, `{"stepInfoList":{}`, `{"stepInfoList":[null]`, `{"stepInfoList":[{}]`,
			`{"stepInfoList":[{"timestamp":1,"x":1}]`, `{"stepInfoList":[{"timestamp":1,"step":-1}]`,
			`{"stepInfoList":[{"timestamp":1,"step":1,"step":1}]`, `{"stepInfoList":[{"timestamp":1,"step":1.5}]`,
			`{"stepInfoList":[` + strings.Repeat(`{"timestamp":1,"step":1},`, maxSteps) + `{"timestamp":1,"step":1}]`,
		},
	}
}

// TestFlippedBits: with CBC, flipping a bit of a block flips the same bit of the next block of plaintext; the iv
// counts as a block. If the result still opens, only the text of a known field differs, and WeChat does not confirm
// it.
func TestFlippedBits(t *testing.T) {
	key := parseKey(t, keyText)
	good := encrypt(key, goodPhone())
	flip := func(text string, n int) string {
		raw, err := base64.StdEncoding.DecodeString(text)
		require.NoError(t, err)
		raw[n/8] ^= 1 << (n % 8)
		return base64.StdEncoding.EncodeToString(raw)
	}
	for n := range 8 * 16 {
		_, err := open(EncryptedData{good.Data, flip(good.IV, n)}, key, KindPhone)
		require.True(t, err == nil || err == ErrBadData)
		_, err = open(EncryptedData{flip(good.Data, n), good.IV}, key, KindPhone)
		require.True(t, err == ErrBadData, "a flipped bit of the text garbles a block of it")
	}
}

func TestSignatures(t *testing.T) {
	key := parseKey(t, "HyVFkGl5F5OQWJZZaNzBBg==") // the example in WeChat's documentation
	raw := `{"nickName":"Band","gender":1,"language":"zh_CN","city":"Guangzhou",` +
		`"province":"Guangdong","country":"CN","avatarUrl":"http://wx.qlogo.cn/mmopen/vi_32/` +
		`1vZvI39NWFQ9XM4LtQpFrQJ1xlgZxx3w7bQxKARol6503Iuswjjn6nIGBiaycAjAtpujxyzYsrztuuICqIM5ibXQ/0"}`
	signature := "75e81ceda165f4ffa64f4068af58c64b8f54b88c"
	require.True(t, signatureMatches(raw, signature, key))
	for _, wrong := range []string{"", signature[:39], signature + "0", strings.ToUpper(signature),
		strings.Repeat("0", 40), " " + signature} {
		require.False(t, signatureMatches(raw, wrong, key), wrong)
	}
	require.False(t, signatureMatches(raw+" ", signature, key))
	require.False(t, signatureMatches(raw, signature, parseKey(t, keyText)))
}

func FuzzDecrypt(f *testing.F) {
	key := parseKey(f, keyText)
	good := encrypt(key, goodPhone())
	f.Add(good.Data, good.IV, "phone", []byte(goodPhone()))
	f.Add("", "", "", []byte{})
	f.Add("AAAA", good.IV, "run", []byte(`{"stepInfoList":[null,[],{}],"watermark":[]}`))
	f.Add(good.Data, "=", "user_info", []byte(`{"openId":{},"nickName":[],"watermark":{"appid":1,"timestamp":1e9}}`))
	f.Fuzz(func(t *testing.T, data, iv, kind string, plain []byte) {
		for _, tried := range []EncryptedData{{data, iv}, encrypt(key, string(plain)),
			encryptBlocks(key, append(plain, make([]byte, 16)...)[:len(plain)/16*16+16])} {
			opened, err := open(tried, key, Kind(kind))
			if err != nil {
				require.True(t, err == ErrBadData)
				require.Zero(t, opened)
				continue
			}
			require.Contains(t, Kinds(), opened.Kind)
			encoded, err := json.Marshal(opened.Fields)
			require.NoError(t, err)
			require.True(t, json.Valid(encoded))
		}
	})
}
