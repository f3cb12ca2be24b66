package wechattest_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// tokenErrcode makes a harmless call with a token: 40003 means that the token is valid.
func (w *env) tokenErrcode(token string) int {
	return w.get("/wxa/checksession", "access_token", token, "openid", "nobody").errcode()
}

const good = 40003

func TestTheStableTokenIsTheSameForAll(t *testing.T) {
	w := start(t)
	first := w.stableToken(false)
	require.EqualValues(t, 7200, first.members["expires_in"])
	require.NotContains(t, first.members, "errcode")
	require.Equal(t, "application/json; encoding=utf-8", first.contentType)
	token := first.textOf("access_token")

	w.Advance(time.Hour)
	second := w.stableToken(false)
	require.Equal(t, token, second.textOf("access_token"))
	require.InDelta(t, 3600, second.members["expires_in"], 2)

	w.Advance(55*time.Minute + time.Second)
	renewed := w.stableToken(false).textOf("access_token")
	require.NotEqual(t, token, renewed)
	require.Equal(t, good, w.tokenErrcode(token), "both are valid for five minutes")
	require.Equal(t, good, w.tokenErrcode(renewed))
	w.Advance(5 * time.Minute)
	require.Equal(t, 42001, w.tokenErrcode(token))
	require.Equal(t, good, w.tokenErrcode(renewed))
}

func TestAForcedTokenEndsTheOldOneAtOnce(t *testing.T) {
	w := start(t)
	token := w.stableToken(false).textOf("access_token")
	forced := w.stableToken(true).textOf("access_token")
	require.NotEqual(t, token, forced)
	require.Equal(t, 40001, w.tokenErrcode(token))
	require.Equal(t, forced, w.stableToken(true).textOf("access_token"), "not twice within 30 s")
	changes := 1
	for range 25 {
		w.Advance(30 * time.Second)
		if next := w.stableToken(true).textOf("access_token"); next != forced {
			forced = next
			changes++
		}
	}
	require.Equal(t, 20, changes, "twenty a day")
}

func TestEachClassicTokenReplacesTheLast(t *testing.T) {
	w := start(t)
	stable := w.stableToken(false).textOf("access_token")
	first := w.classicToken()
	require.EqualValues(t, 7200, first.members["expires_in"])
	second := w.classicToken().textOf("access_token")
	require.NotEqual(t, first.textOf("access_token"), second)
	require.Equal(t, good, w.tokenErrcode(first.textOf("access_token")))
	w.Advance(5 * time.Minute)
	require.Equal(t, 40001, w.tokenErrcode(first.textOf("access_token")))
	require.Equal(t, good, w.tokenErrcode(second))
	require.Equal(t, good, w.tokenErrcode(stable), "the two kinds are independent")
}

func TestTheClassicTokenHasADailyQuota(t *testing.T) {
	w := start(t)
	for range 2000 {
		require.Zero(t, w.classicToken().errcode())
	}
	require.Equal(t, 45009, w.classicToken().errcode())
	w.Advance(24 * time.Hour)
	require.Zero(t, w.classicToken().errcode())
}

func TestTokenRequestsAreChecked(t *testing.T) {
	w := start(t)
	const path = "/cgi-bin/stable_token"
	body := `{"grant_type":"client_credential","appid":"` + appID + `","secret":"` + secret + `"}`
	require.Zero(t, w.post(path, body).errcode())
	require.Equal(t, 41002, w.ask(http.MethodPost, path, nil, "application/x-www-form-urlencoded",
		"appid="+appID).errcode())
	require.Equal(t, 43002, w.get(path).errcode())
	require.Equal(t, 44002, w.post(path, "").errcode())
	require.Equal(t, 47001, w.post(path, "{").errcode())
	require.Equal(t, 41002, w.post(path, "{}").errcode())
	require.Equal(t, 40002, w.post(path, `{"grant_type":"x","appid":"`+appID+`","secret":"`+secret+`"}`).errcode())
	require.Equal(t, 40125, w.get("/cgi-bin/token", "appid", appID, "secret", "simulator-x").errcode())
	require.Equal(t, 43001, w.post("/cgi-bin/token", "{}").errcode())
}
