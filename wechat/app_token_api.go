package wechat

import (
	"context"
	"net/url"
	"time"
)

const (
	// maxAppTokenLife is the longest life that WeChat gives.
	maxAppTokenLife = 2 * time.Hour

	// maxAppToken bounds a token, in bytes. WeChat asks to have room for 512.
	maxAppToken = 2048
)

// stableTokenClasses are the numbers that mean something else here than at
// code2Session: 40001 is a wrong AppSecret, the 895 ones are calls that an
// administrator of the app has not allowed, the 5000 ones a frozen account.
func stableTokenClasses() map[int]error {
	return map[int]error{
		40001: ErrMisconfigured, 89501: ErrMisconfigured, 89503: ErrMisconfigured, 89506: ErrMisconfigured,
		89507: ErrMisconfigured,
		50004: ErrMisconfigured, 50007: ErrMisconfigured,
	}
}

// stableToken asks for the app's token and its remaining life
// (getStableAccessToken, POST /cgi-bin/stable_token). All who ask get the same
// token. It never forces a new one, which would end the old one at once, under
// the hands of whoever uses it.
func (c *Client) stableToken(ctx context.Context, credentials Credentials) (Secret, time.Duration, error) {
	type answer struct {
		text Secret
		life time.Duration
	}
	got, err := call(ctx, c, "getStableAccessToken", credentials.AppID, func(ctx context.Context) (answer, error) {
		body, err := c.post(ctx, "/cgi-bin/stable_token", nil, map[string]any{
			"grant_type":    "client_credential",
			"appid":         credentials.AppID,
			"secret":        credentials.Secret.Reveal(),
			"force_refresh": false,
		})
		if err != nil {
			return answer{}, err
		}
		text, life, err := parseStableToken(body)
		return answer{text, life}, err
	})
	return got.text, got.life, err
}

func parseStableToken(body []byte) (Secret, time.Duration, error) {
	members, err := parseAnswer(body, stableTokenClasses())
	if err != nil {
		return "", 0, err
	}
	text, err := members.text("access_token")
	if err != nil || !plausibleText(text, maxAppToken) {
		return "", 0, outage("no plausible access token")
	}
	seconds, err := members.integer("expires_in")
	if err != nil || seconds <= 0 || seconds > int(maxAppTokenLife/time.Second) {
		return "", 0, outage("implausible life of an access token")
	}
	return Secret(text), time.Duration(seconds) * time.Second, nil
}

// withToken is the query of a call that carries an access token.
func withToken(token Secret, query url.Values) url.Values {
	if query == nil {
		query = url.Values{}
	}
	query.Set("access_token", token.Reveal())
	return query
}
