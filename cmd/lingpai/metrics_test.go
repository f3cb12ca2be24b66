package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

// useLegacyAudience sends a token to an endpoint that counts it if it is for an API, too.
func useLegacyAudience(t *testing.T, base, token string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, base+"/wechat/phone", nil)
	require.NoError(t, err)
	request.Header = http.Header{"Authorization": {"Bearer " + token},
		"Content-Type": {"application/x-www-form-urlencoded"}}
	withoutCode, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	require.NoError(t, withoutCode.Body.Close())
	require.Equal(t, http.StatusBadRequest, withoutCode.StatusCode)
}

// TestMetricsShowRefreshesAndPhoneBudgets, at their own address only.
func TestMetricsShowRefreshesAndPhoneBudgets(t *testing.T) {
	t.Parallel()
	simulator := newOperator(t).simulates()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=http://127.0.0.1:8080", "LINGPAI_WECHAT_BASE_URL="+simulator,
		"LINGPAI_METRICS_ADDR=127.0.0.1:0", "LINGPAI_LIMITS_OVERRIDES=sign_ins=2/24h")
	o.okWith(simSecret, "apps", "add", appID, "--phone-budget", "1")
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--grant", "refresh_token", "--app", appID,
		"--audience", "https://api.example.com", "--scope", "openid", "--scope", "phone")
	p := o.with("LINGPAI_SERVER_ADDR=127.0.0.1:0").start("serve")
	watched := fmt.Sprintf("http://%s/metrics", p.logged("metrics")["addr"])
	base := fmt.Sprintf("http://%s", p.logged("serving")["addr"])

	mint := func(path string) string {
		body, err := post(t.Context(), simulator+path, "application/json", `{"appid":"`+appID+`","user":"ada"}`)
		require.NoError(t, err)
		var minted struct{ Code string }
		require.NoError(t, json.Unmarshal(body, &minted))
		return minted.Code
	}
	ask := func(form url.Values) (tokens struct {
		Access  string `json:"access_token"`
		Refresh string `json:"refresh_token"`
	}) {
		body, err := post(t.Context(), base+"/token", "application/x-www-form-urlencoded", form.Encode())
		require.NoError(t, err)
		require.NoError(t, json.Unmarshal(body, &tokens))
		return tokens
	}
	signIn := func() url.Values {
		return url.Values{"grant_type": {"wechat_code"}, "client_id": {"shop"}, "code": {mint("/_sim/codes")},
			"scope": {"openid phone"}, "phone_code": {mint("/_sim/phone_codes")}}
	}
	o.ok("clients", "set-legacy-audience", "shop", time.Now().AddDate(0, 1, 0).Format(time.DateOnly))
	first := ask(signIn())
	useLegacyAudience(t, base, first.Access)
	ask(signIn()) // over budget
	refresh := url.Values{"grant_type": {"refresh_token"}, "client_id": {"shop"}, "refresh_token": {first.Refresh}}
	ask(refresh)
	ask(refresh) // a parallel caller, within the window

	tooMany, err := http.PostForm(base+"/token", signIn())
	require.NoError(t, err)
	require.NoError(t, tooMany.Body.Close())
	require.Equal(t, http.StatusTooManyRequests, tooMany.StatusCode)
	fetch(t, base+"/nowhere", http.StatusNotFound)
	fetch(t, base+"/token", http.StatusMethodNotAllowed)

	text := fetch(t, watched, http.StatusOK)
	for _, line := range []string{
		`lingpai_refresh_tokens_presented_total{verdict="rotate"} 1`,
		`lingpai_refresh_tokens_presented_total{verdict="repeat"} 1`,
		`lingpai_phone_numbers_asked_total{appid="` + appID + `",outcome="verified"} 1`,
		`lingpai_phone_numbers_asked_total{appid="` + appID + `",outcome="over_budget"} 1`,
		`lingpai_phone_numbers_used{appid="` + appID + `"} 1`, `lingpai_phone_numbers_budget{appid="` + appID + `"} 1`,
		`lingpai_limited_total{limit="sign_ins"} 1`, `lingpai_legacy_audience_total{client_id="shop"} 1`,
		`lingpai_signing_backend{backend="` + keys.BuiltBackend() + `"} 1`,
		`lingpai_http_request_duration_seconds_count{code="200",method="post",route="token"} 4`,
		`lingpai_http_request_duration_seconds_count{code="404",method="get",route="none"} 1`,
		`lingpai_http_request_duration_seconds_count{code="405",method="get",route="token"} 1`,
		`lingpai_shed_total{resource="connections"} 0`, `lingpai_shed_total{resource="open_files"} 0`,
		`lingpai_shed_total{resource="body_bytes"} 0`, `lingpai_body_bytes 0`,
	} {
		require.Contains(t, text, line+"\n")
	}
	fetch(t, base+"/metrics", http.StatusNotFound)
}

func fetch(t *testing.T, address string, status int) string {
	t.Helper()
	response, err := http.Get(address)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, status, response.StatusCode)
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return string(body)
}
