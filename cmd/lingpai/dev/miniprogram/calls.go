package miniprogram

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
)

// client calls the issuer and the simulator.
var client = &http.Client{Timeout: 10 * time.Second}

// refusal is an error that the issuer or the simulator has answered.
type refusal struct {
	Status      int    `json:"-"`
	Code        string `json:"error"`
	Description string `json:"error_description"`
	Scan        string `json:"scan"` // why the code is of no use; "": it is not about the code
}

// Error implements error.
func (r *refusal) Error() string { return fmt.Sprintf("status %d: %s", r.Status, r.Code) }

// result returns how the page says it.
func (r *refusal) result() devpages.ScanResult {
	result := devpages.ScanResult{Kind: devpages.ScanRefused, Code: r.Code, Description: r.Description}
	switch kind := devpages.ScanResultKind(r.Scan); kind {
	case devpages.ScanExpired, devpages.ScanTaken, devpages.ScanDecided, devpages.ScanNotScanned,
		devpages.ScanWrongNumber, devpages.ScanFromPicture, devpages.ScanFromLink:
		return devpages.ScanResult{Kind: kind}
	}
	if r.Status == http.StatusTooManyRequests {
		result.Kind = devpages.ScanTooMany
	}
	return result
}

// call calls one of the endpoints below /scan as the user of a phone, and decodes the answer into one, unless that is
// nil. It returns nil, or what the page says if that fails.
func (h *Handler) call(ctx context.Context, l launch, path string, form url.Values, into any) *devpages.ScanResult {
	form.Set("scan", l.handle)
	return resultOf(h.withToken(ctx, l.user, func(token string) error {
		return post(ctx, h.config.Issuer+"/scan"+path, token, formType, form.Encode(), into)
	}))
}

// withToken sends a request with an access token of a user, and again with another one if that has expired, or its
// session has ended.
func (h *Handler) withToken(ctx context.Context, user string, send func(token string) error) error {
	token, err := h.users.token(ctx, user, "")
	if err == nil {
		err = send(token)
	}
	if refused, ok := errors.AsType[*refusal](err); ok && refused.Status == http.StatusUnauthorized {
		if token, err = h.users.token(ctx, user, token); err == nil {
			err = send(token)
		}
	}
	return err
}

// resultOf returns nil, or what the page says of an error.
func resultOf(err error) *devpages.ScanResult {
	if err == nil {
		return nil
	}
	result := devpages.ScanResult{Kind: devpages.ScanUnreachable}
	if refused, ok := errors.AsType[*refusal](err); ok && refused.Status < http.StatusInternalServerError {
		result = refused.result()
	}
	return &result
}

// signIn signs a user in, as a mini-program does: it gets a code on the phone, which the simulator represents, and
// exchanges it. It returns an access token for the issuer.
func (h *Handler) signIn(ctx context.Context, user string) (token string, err error) {
	asked, err := json.Marshal(map[string]string{"appid": h.config.AppID, "user": user})
	if err != nil {
		return "", err
	}
	var login struct {
		Code string `json:"code"`
	}
	if err := post(ctx, h.config.Simulator+"/_sim/codes", "", "application/json", string(asked), &login); err != nil {
		return "", err
	}
	form := url.Values{"grant_type": {"wechat_code"}, "client_id": {h.config.ClientID}, "code": {login.Code},
		"scope": {"signin.approve signin.handoff"}}
	var answer struct {
		AccessToken string `json:"access_token"`
	}
	err = post(ctx, h.config.Issuer+"/token", "", formType, form.Encode(), &answer)
	return answer.AccessToken, err
}

const (
	formType  = "application/x-www-form-urlencoded"
	maxAnswer = 64 << 10 // bytes that are read
)

// post posts a body, with a token unless that is empty, and decodes the answer into one, unless that is nil. The error
// is a *refusal if there was an answer, and has neither the token nor the body.
func post(ctx context.Context, target, token, contentType, body string, into any) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, target, strings.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", contentType)
	if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	response, err := client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer))
	switch {
	case err != nil:
		return err
	case response.StatusCode >= http.StatusBadRequest:
		refused := &refusal{}
		_ = json.Unmarshal(answer, refused) // otherwise the status has to do
		refused.Status = response.StatusCode
		return refused
	case into == nil:
		return nil
	}
	return json.Unmarshal(answer, into)
}
