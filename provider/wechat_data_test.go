package provider_test

import (
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	decryptPath = "/wechat/data/decrypt"
	verifyPath  = "/wechat/data/verify"
	checkPath   = "/wechat/session_key/check"
	resetPath   = "/wechat/session_key/reset"
)

// dataToken signs in a user with the scope wechat.data, for a token for the server.
func (w wechatDataCalls) dataToken(user string, pairs ...string) string {
	w.t.Helper()
	return w.signIn(user, append([]string{"scope", "openid wechat.data", "resource", w.issuer},
		pairs...)...).text("access_token")
}

// backEndToken returns a client's own token for the data endpoints.
func (w wechatDataCalls) backEndToken(client string) string {
	w.t.Helper()
	a := w.token(serviceForm().with("client_id", client, "scope", oauth.ScopeWechatData))
	requireTokens(w.t, a)
	return a.text("access_token")
}

// data posts a form with a bearer.
func (w wechatDataCalls) data(path, token string, f form) answer {
	w.t.Helper()
	body, header := f.encode()
	header.Set("Authorization", "Bearer "+token)
	return w.post(path, body, header)
}

// encrypted returns encrypted data that a mini-program got for a user, as a form.
func (w wechatUsers) encrypted(kind string, plain wechattest.Plaintext) form {
	w.t.Helper()
	if plain.AppID == "" {
		plain.AppID = testApp
	}
	sealed, err := w.simulator.Encrypt(plain)
	require.NoError(w.t, err)
	return form{"kind": kind, "encryptedData": sealed.EncryptedData, "iv": sealed.IV}
}

// signed returns rawData with its signature.
func (w wechatUsers) signed(user string) form {
	w.t.Helper()
	sealed, err := w.simulator.Encrypt(wechattest.Plaintext{AppID: testApp, User: user, Kind: "user"})
	require.NoError(w.t, err)
	return form{"rawData": sealed.RawData, "signature": sealed.Signature}
}

// requireData requires the form that all successful answers of the data endpoints have.
func requireData(t testing.TB, a answer) {
	t.Helper()
	require.Equal(t, http.StatusOK, a.status, a.body)
	requireJSON(t, a)
	require.Equal(t, "no-store", a.header.Get("Cache-Control"))
	require.Equal(t, testApp, a.members["appid"])
}

func requireInvalidData(t testing.TB, a answer) {
	t.Helper()
	requireError(t, a, http.StatusBadRequest, "invalid_data")
}

// TestDataOfASignedInUser of every kind: the known fields, and no watermark.
func TestDataOfASignedInUser(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	require.NoError(t, w.simulator.Bind(testApp, testOpenPlatform))
	require.NoError(t, w.simulator.SetUser(wechattest.User{User: "alice", PhoneNumber: "13812345678"}))
	token := w.dataToken("alice")
	for kind, c := range map[string]struct {
		of   string
		want map[string]any
	}{
		"user_info": {"user", map[string]any{
			"openId": wechattest.OpenID(testApp, "alice"), "unionId": wechattest.UnionID(testOpenPlatform, "alice"),
			"nickName": "微信用户",
			"gender":   0.0, "language": "", "city": "", "province": "", "country": "", "avatarUrl": "",
		}},
		"phone": {"phone", map[string]any{"phoneNumber": "13812345678", "purePhoneNumber": "13812345678",
			"countryCode": "86"}},
		"share": {"share", nil},
		"group": {"group", nil},
		"run":   {"steps", nil},
	} {
		w.simulator.SetVariant(wechattest.Variant{ExtraFields: true})
		a := w.data(decryptPath, token, w.encrypted(kind, wechattest.Plaintext{User: "alice", Kind: c.of}))
		requireData(t, a)
		require.Equal(t, kind, a.members["kind"])
		require.InDelta(t, w.clock.Now().Unix(), a.members["timestamp"], 2)
		data := a.members["data"].(map[string]any)
		require.NotContains(t, data, "watermark")
		require.NotContains(t, data, "is_new_field")
		if c.want != nil {
			require.Equal(t, c.want, data)
		}
		verified, isPhone := a.members["phone_number_verified"]
		require.Equal(t, kind == "phone", isPhone)
		require.Equal(t, isPhone, verified == true)
	}
	a := w.data(verifyPath, token, w.signed("alice"))
	requireData(t, a)
	require.Equal(t, true, a.members["verified"])
	require.NotContains(t, w.log.String(), "13812345678")
}

// TestAPhoneIsVerifiedOnlyByWeChat: encryption with the right key proves nothing, since the user may know the key.
func TestAPhoneIsVerifiedOnlyByWeChat(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.dataToken("alice")
	phone := w.encrypted("phone", wechattest.Plaintext{User: "alice", Kind: "phone"})
	const path = "/wxa/business/checkencryptedmsg"
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: path, Body: "html"}))
	a := w.data(decryptPath, token, phone)
	requireData(t, a)
	require.Equal(t, false, a.members["phone_number_verified"], "WeChat could not be asked")
	for _, disowned := range []string{`{"errcode":1,"errmsg":"data not exist"}`,
		`{"errcode":0,"vaild":false,"create_time":0}`} {
		require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: path, Text: disowned}))
		requireInvalidData(t, w.data(decryptPath, token, phone))
	}
	a = w.data(decryptPath, token, phone)
	requireData(t, a)
	require.Equal(t, true, a.members["phone_number_verified"])
}
