package dev

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/server/settings"
)

// tryTimeout bounds everything that tryOut does.
const tryTimeout = 20 * time.Second

// trial is the result of trying out the provider.
type trial struct {
	AccessToken  string `json:"access_token"`
	RefreshToken string `json:"refresh_token"`
	header       json.RawMessage
	claims       json.RawMessage
}

// tryOut does over HTTP what a mini-program and a resource server do: get a code, exchange it, and verify the access
// token against the key set, with an independent library.
func tryOut(ctx context.Context, c settings.Settings, s seeds) (trial, error) {
	ctx, cancel := context.WithTimeout(ctx, tryTimeout)
	defer cancel()
	var d trial
	var minted struct{ Code string }
	body, err := post(ctx, c.WechatBaseURL+"/_sim/codes", "application/json",
		fmt.Sprintf(`{"appid":%q,"user":"alice"}`, s.AppID))
	if err == nil {
		err = json.Unmarshal(body, &minted)
	}
	if err != nil {
		return d, fmt.Errorf("the simulator returned no code: %w", err)
	}
	form := url.Values{"grant_type": {oauth.GrantWechatCode}, "client_id": {miniProgram}, "code": {minted.Code}}
	body, err = post(ctx, c.Issuer+"/token", "application/x-www-form-urlencoded", form.Encode())
	if err == nil {
		err = json.Unmarshal(body, &d)
	}
	if err != nil {
		return d, err
	}
	issuer, err := oidc.NewProvider(ctx, c.Issuer)
	if err != nil {
		return d, err
	}
	verified, err := issuer.Verifier(&oidc.Config{ClientID: Audience}).Verify(ctx, d.AccessToken)
	if err != nil {
		return d, err
	}
	d.header, err = tokenHeader(d.AccessToken)
	if err != nil {
		return d, err
	}
	return d, verified.Claims(&d.claims)
}

// post returns the body of a 200 response. Any other status is an error that quotes the body.
func post(ctx context.Context, target, contentType, body string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 1<<20))
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s answered %s: %s", target, response.Status, bytes.TrimSpace(answer))
	}
	return answer, err
}
