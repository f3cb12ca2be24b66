package wechat

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

func FuzzParseLogin(f *testing.F) {
	for _, seed := range []string{
		`{"openid":"oAbc","session_key":"MTIzNDU2Nzg5MDEyMzQ1Ng==","unionid":"oUni"}`,
		` { "errcode" : "0" , "openid" : "oAbc" } `,
		`{"errcode":40029,"errmsg":"invalid code, rid: 652d44d0-1d0af18b-5b069232"}`,
		`{"errcode":40164,"errmsg":"invalid ip 203.0.113.7 ipv6 ::ffff:203.0.113.7, not in whitelist"}`,
		`{"a":{"a":[1,{"a":2}]},"openid":"o","x":1e400}`,
		`{"a":1,}`, `{,}`, `{"a"}`, `{`, ``, `null`, `[]`, "\xef\xbb\xbf{}", "{\"openid\":\"\xff\"}",
		`{"errcode":99999999999999999999}`, `{"errcode":"+0","openid":"o"}`, strings.Repeat(`{"a":`, 200),
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		login, err := parseLogin(body)
		if err == nil {
			require.True(t, json.Valid(repair(body)))
			require.True(t, plausibleIdentifier(login.OpenID))
			require.True(t, login.UnionID == "" || plausibleIdentifier(login.UnionID))
			return
		}
		require.Empty(t, login)
		failed, ok := errors.AsType[*Error](err)
		require.True(t, ok)
		require.NotNil(t, failed.Class)
		require.True(t, failed.RID == "" || validRID(failed.RID))
		require.Less(t, len(failed.Error()), 200)
	})
}

func TestRequestIDsAreFoundInEveryForm(t *testing.T) {
	for errmsg, id := range map[string]string{
		"invalid code, rid: 652d44d0-1d0af18b-5b069232": "652d44d0-1d0af18b-5b069232",
		"code been used rid: 652d44d0-1d0af18b":         "652d44d0-1d0af18b",
		"invalid code, hints: [ req_id: Xy12ab ]":       "Xy12ab",
		"invalid code,rid:abc":                          "abc",
		"invalid grid: x":                               "",
		"rid:":                                          "",
		"rid: <b>":                                      "",
		"rid: a\nb":                                     "",
		"rid: " + strings.Repeat("a", 64):               strings.Repeat("a", 64),
		"rid: " + strings.Repeat("a", 65):               "",
		"":                                              "",
	} {
		require.Equal(t, id, requestID(errmsg), errmsg)
	}
}
