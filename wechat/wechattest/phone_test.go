package wechattest_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestThePhoneNumber(t *testing.T) {
	w := start(t)
	token := w.stableToken(false).textOf("access_token")
	ask := func(body string) reply {
		return w.post("/wxa/business/getuserphonenumber", body, "access_token", token)
	}
	exchange := func(code string) reply { return ask(`{"code":"` + code + `"}`) }

	t.Run("is the user's, with the app's watermark", func(t *testing.T) {
		answered := exchange(w.PhoneCode(appID, "ada"))
		require.Zero(t, answered.errcode())
		require.Equal(t, "ok", answered.textOf("errmsg"))
		info := answered.members["phone_info"].(map[string]any)
		require.Regexp(t, `^138\d{8}$`, info["purePhoneNumber"])
		require.Equal(t, info["purePhoneNumber"], info["phoneNumber"])
		require.Equal(t, "86", info["countryCode"])
		require.Equal(t, appID, info["watermark"].(map[string]any)["appid"])
	})
	t.Run("has the country code if foreign, which may be a number", func(t *testing.T) {
		require.NoError(t, w.SetUser(wechattest.User{User: "bob", CountryCode: "852", PhoneNumber: "51234567"}))
		w.SetVariant(wechattest.Variant{CountryCodeNumber: true})
		defer w.SetVariant(wechattest.Variant{})
		info := exchange(w.PhoneCode(appID, "bob")).members["phone_info"].(map[string]any)
		require.Equal(t, "+85251234567", info["phoneNumber"])
		require.EqualValues(t, 852, info["countryCode"])
	})
	t.Run("needs a valid code of its kind and app, once", func(t *testing.T) {
		code := w.PhoneCode(appID, "ada")
		require.Zero(t, exchange(code).errcode())
		require.Equal(t, 40029, exchange(code).errcode())
		require.Equal(t, 2, w.Requests().Codes[code])
		require.Equal(t, 40029, exchange(w.Code(appID, "ada")).errcode())
		require.Equal(t, 40013, exchange(w.PhoneCode(otherApp, "ada")).errcode())
		old := w.PhoneCode(appID, "ada")
		w.Advance(5 * time.Minute)
		require.Equal(t, 40029, exchange(old).errcode())
	})
	t.Run("is withheld when the openid is another's", func(t *testing.T) {
		code := w.PhoneCode(appID, "ada")
		require.Equal(t, 40003, ask(`{"code":"`+code+`","openid":"`+wechattest.OpenID(appID, "bob")+`"}`).errcode())
		require.Zero(t, ask(`{"code":"`+code+`","openid":"`+wechattest.OpenID(appID, "ada")+`"}`).errcode())
	})
	t.Run("needs a JSON body and a token", func(t *testing.T) {
		require.Equal(t, 44002, ask("").errcode())
		require.Equal(t, 47001, ask("code=1").errcode())
		require.Equal(t, 41008, ask("{}").errcode())
		require.Equal(t, 41001, w.post("/wxa/business/getuserphonenumber", `{"code":"x"}`).errcode())
		require.Equal(t, 43002, w.get("/wxa/business/getuserphonenumber").errcode())
	})
}
