package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestOtherFormsAreReadLikeTokenRequests: the endpoints that accept a token require it once, as text, in the body of
// a form.
func TestOtherFormsAreReadLikeTokenRequests(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	a := w.userToken()
	token := a.text("refresh_token")
	good := "client_id=service&client_secret=" + testSecret + "&token=" + token
	for _, path := range []string{"/revoke", "/introspect"} {
		for name, c := range map[string]struct {
			body   string
			header http.Header
			status int
		}{
			"no token":            {strings.Replace(good, "&token=", "&tokens=", 1), nil, http.StatusBadRequest},
			"an empty token":      {strings.Replace(good, token, "", 1), nil, http.StatusBadRequest},
			"token twice":         {good + "&token=" + token, nil, http.StatusBadRequest},
			"another empty token": {good + "&token=", nil, http.StatusBadRequest},
			"hint twice":          {good + "&token_type_hint=a&token_type_hint=b", nil, http.StatusBadRequest},
			"client_id twice":     {good + "&client_id=service", nil, http.StatusBadRequest},
			"NUL in the token":    {good + "%00", nil, http.StatusBadRequest},
			"NUL in the hint":     {good + "&token_type_hint=%00", nil, http.StatusBadRequest},
			"no UTF-8":            {good + "%ff%fe", nil, http.StatusBadRequest},
			"overlong UTF-8":      {good + "&x=%c0%af", nil, http.StatusBadRequest},
			"a broken escape":     {good + "%zz", nil, http.StatusBadRequest},
			"semicolons":          {strings.ReplaceAll(good, "&", ";"), nil, http.StatusBadRequest},
			"JSON": {`{"token":"` + token + `"}`, http.Header{"Content-Type": {"application/json"}},
				http.StatusUnsupportedMediaType},
			"compressed": {good, http.Header{"Content-Encoding": {"gzip"}}, http.StatusUnsupportedMediaType},
			"compressed, in a second header": {good, http.Header{"Content-Encoding": {"", "gzip"}},
				http.StatusUnsupportedMediaType},
			"one byte too many": {good + "&x=" + strings.Repeat("x", 16<<10-len(good)-len("&x=")+1), nil,
				http.StatusRequestEntityTooLarge},
			"a token of 100 kB": {good + strings.Repeat("x", 100_000), nil, http.StatusRequestEntityTooLarge},
			"5 000 parameters":  {good + strings.Repeat("&a=1", 5_000), nil, http.StatusRequestEntityTooLarge},
			"two content types": {good, http.Header{"Content-Type": {formType, formType}},
				http.StatusUnsupportedMediaType},
			"UTF-16": {good[:20] + "\x00" + good[20:], http.Header{"Content-Type": {formType + "; charset=utf-16"}},
				http.StatusBadRequest},
			"GBK": {good + "&x=\xc1\xee\xc5\xc6", http.Header{"Content-Type": {formType + "; charset=gbk"}},
				http.StatusBadRequest},
			"two types in one header": {good, http.Header{"Content-Type": {formType + ", " + formType}},
				http.StatusUnsupportedMediaType},
			"a longer type": {good, http.Header{"Content-Type": {formType + "x; charset=utf-8"}},
				http.StatusUnsupportedMediaType},
		} {
			t.Run(path+" "+name, func(t *testing.T) {
				requireError(t, w.post(path, c.body, c.header), c.status, "invalid_request")
			})
		}
		for _, method := range []string{http.MethodGet, http.MethodHead, http.MethodPut, http.MethodDelete,
			http.MethodOptions} {
			for _, query := range []string{"", "?" + good} {
				refused := w.ask(method, path+query, nil, nil)
				require.Equal(t, http.StatusMethodNotAllowed, refused.status)
				require.Equal(t, http.MethodPost, refused.header.Get("Allow"))
			}
		}
		requireError(t, w.post(path+"?token="+token, good, nil), http.StatusBadRequest, "invalid_request")
		requireError(t, w.post(path+"?"+good, "", nil), http.StatusBadRequest, "invalid_request")
	}
	require.Empty(t, w.touched.String())
	for _, leak := range []string{token, testSecret, "lp_rt_"} {
		require.NotContains(t, w.log.String(), leak)
	}
	requireTokens(t, w.token(refreshForm(token).with("client_id", "service", "client_secret", testSecret)))
}

const formType = "application/x-www-form-urlencoded"

// TestHostileTextInOtherFormsIsData: see TestHostileTextIsData.
func TestHostileTextInOtherFormsIsData(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "client_id", "mini-orders", "scope", "openid").text("access_token")
	for _, text := range hostileTexts() {
		requireRevoked(t, w.revoke(text))
		requireInactive(t, w.introspect(text), text)
		require.Equal(t, true, w.introspect(token, "token_type_hint", text).members["active"], text)
		for _, a := range []answer{w.revoke(token, "client_id", text), w.introspect(token, "client_id", text)} {
			requireError(t, a, http.StatusUnauthorized, "invalid_client")
			require.NotContains(t, a.body, text)
		}
	}
	require.Equal(t, http.StatusOK, w.userinfo(token).status)
}
