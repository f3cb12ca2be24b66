package wechat_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const phonePath = "/wxa/business/getuserphonenumber"

func TestThePhoneNumberIsTheUsers(t *testing.T) {
	w := newAppTokenEnv(t)
	tokens := w.replica()
	require.NoError(t, w.SetUser(wechattest.User{User: "ada", PhoneNumber: "13800000000"}))
	require.NoError(t, w.SetUser(wechattest.User{User: "bob", CountryCode: "852", PhoneNumber: "51234567"}))
	exchange := func(code, user string) (wechat.Phone, error) {
		return tokens.PhoneNumber(context.Background(), credentials(), code, wechattest.OpenID(appID, user))
	}
	for _, variant := range []wechattest.Variant{{}, {CountryCodeNumber: true}, {Errcode: "quoted"},
		{EscapedSlashes: true, ExtraFields: true}} {
		w.SetVariant(variant)
		phone, err := exchange(w.PhoneCode(appID, "ada"), "ada")
		require.NoError(t, err)
		require.Equal(t, wechat.Phone{CountryCode: "86", Number: "13800000000"}, phone)
		phone, err = exchange(w.PhoneCode(appID, "bob"), "bob")
		require.NoError(t, err)
		require.Equal(t, wechat.Phone{CountryCode: "852", Number: "51234567"}, phone)
	}
	w.SetVariant(wechattest.Variant{})
	used, old := w.PhoneCode(appID, "ada"), w.PhoneCode(appID, "ada")
	_, err := exchange(used, "ada")
	require.NoError(t, err)
	w.Advance(5 * time.Minute)
	for name, code := range map[string]string{
		"used":             used,
		"expired":          old,
		"a login's":        w.Code(appID, "ada"),
		"of another app":   w.PhoneCode(otherApp, "ada"),
		"of somebody else": w.PhoneCode(appID, "bob"),
		"made up":          "0123456789abcdef",
		"empty":            "",
		"with a space":     "a b",
	} {
		_, err := exchange(code, "ada")
		requireClass(t, err, wechat.ErrBadCode)
		require.LessOrEqual(t, w.Requests().Codes[code], 2, name)
	}
	_, err = tokens.PhoneNumber(context.Background(), credentials(), w.PhoneCode(appID, "ada"), "")
	requireClass(t, err, wechat.ErrUnavailable)
}

func TestUnusablePhoneNumbers(t *testing.T) {
	phone := func(members string) string {
		return `{"errcode":0,"errmsg":"ok","phone_info":{` + members + `}}`
	}
	const watermark = `,"watermark":{"timestamp":1700000000,"appid":"` + appID + `"}`
	good := `"phoneNumber":"13800000000","purePhoneNumber":"13800000000","countryCode":86`
	for name, c := range map[string]struct {
		text string
		fits bool
	}{
		"good":                    {phone(good + watermark), true},
		"no watermark":            {phone(good), false},
		"watermark of another":    {phone(good + `,"watermark":{"appid":"` + otherApp + `"}`), false},
		"watermark without appid": {phone(good + `,"watermark":{}`), false},
		"watermark a text":        {phone(good + `,"watermark":"` + appID + `"`), false},
		"two watermarks":          {phone(good + watermark + watermark), false},
		"no phone_info":           {`{"errcode":0}`, false},
		"phone_info null":         {`{"phone_info":null}`, false},
		"phone_info an array":     {`{"phone_info":[]}`, false},
		"no number":               {phone(`"countryCode":"86"` + watermark), false},
		"empty number":            {phone(`"purePhoneNumber":"","countryCode":"86"` + watermark), false},
		"short number":            {phone(`"purePhoneNumber":"123","countryCode":"86"` + watermark), false},
		"long number": {phone(`"purePhoneNumber":"123456789012345","countryCode":"86"` + watermark),
			false},
		"letters":           {phone(`"purePhoneNumber":"1380000000o","countryCode":"86"` + watermark), false},
		"full-width digits": {phone(`"purePhoneNumber":"１３８００００００００","countryCode":"86"` + watermark), false},
		"negative":          {phone(`"purePhoneNumber":"13800000000","countryCode":-86` + watermark), false},
		"a fraction":        {phone(`"purePhoneNumber":"13800000000","countryCode":8.6` + watermark), false},
		"a plus":            {phone(`"purePhoneNumber":"13800000000","countryCode":"+86"` + watermark), false},
		"no country code":   {phone(`"purePhoneNumber":"13800000000"` + watermark), false},
		"country code null": {phone(`"purePhoneNumber":"13800000000","countryCode":null` + watermark), false},
		"country code 0":    {phone(`"purePhoneNumber":"13800000000","countryCode":0` + watermark), false},
		"country code of five": {phone(`"purePhoneNumber":"13800000000","countryCode":"86868"` + watermark),
			false},
		"a failure and a number":   {`{"errcode":-1,"phone_info":{` + good + watermark + `}}`, false},
		"the members one level up": {`{` + good + watermark + `}`, false},
		"trailing text":            {phone(good+watermark) + "x", false},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppTokenEnv(t)
			w.Fault(wechattest.Fault{Path: phonePath, Text: c.text})
			got, err := w.replica().PhoneNumber(context.Background(), credentials(), "code",
				wechattest.OpenID(appID, "ada"))
			if c.fits {
				require.NoError(t, err)
				require.Equal(t, wechat.Phone{CountryCode: "86", Number: "13800000000"}, got)
				return
			}
			requireClass(t, err, wechat.ErrUnavailable)
			require.Empty(t, got)
		})
	}
}

// TestAPhoneCodeIsSentTwiceOnlyIfItsTokenWasRejected: any other error may have used it up.
func TestAPhoneCodeIsSentTwiceOnlyIfItsTokenWasRejected(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]wechattest.Fault{
		"dropped": {Drop: true, Consume: true}, "busy": {Errcode: -1}, "slow": {DelayMS: 5000},
		"too often": {Errcode: 45011}, "500": {Status: 500},
	} {
		t.Run(name, func(t *testing.T) {
			w := newAppTokenEnv(t)
			tokens := w.replica(func(c *wechat.Config) { c.Timeout = shortTimeout })
			code := w.PhoneCode(appID, "ada")
			fault.Path = phonePath
			w.Fault(fault)
			_, err := tokens.PhoneNumber(context.Background(), credentials(), code, wechattest.OpenID(appID, "ada"))
			require.Error(t, err)
			require.Equal(t, 1, w.Requests().Codes[code])
		})
	}
	w := newAppTokenEnv(t)
	tokens := w.replica()
	tokenOf(t, tokens)
	w.force()
	code := w.PhoneCode(appID, "ada")
	_, err := tokens.PhoneNumber(context.Background(), credentials(), code, wechattest.OpenID(appID, "ada"))
	require.NoError(t, err)
	require.Equal(t, 2, w.Requests().Codes[code])
}
