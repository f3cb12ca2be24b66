package provider

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/access/wechatdata"
)

// dataEndpoint serves operations that need the session key of a user, which never leaves the server:
//
//	POST /wechat/data/decrypt          kind, encryptedData, iv
//	POST /wechat/data/verify           rawData, signature
//	POST /wechat/session_key/check
//	POST /wechat/session_key/reset
//	POST /wechat/phone                 code, with the scope phone
//	Authorization: Bearer …            with the scope wechat.data
//
// The token of a signed-in user identifies the user. A back end adds user, and appid if it has several apps.
type dataEndpoint struct {
	message string // logged when the operation succeeds
	act     dataAction
	logger  *slog.Logger
}

// dataAction returns the body of the response, and the id of the user.
type dataAction func(ctx context.Context, bearer string, form url.Values) (answer any, userID string, err error)

func (e dataEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	bearer, err := readBearerAndForm(w, r)
	if err != nil {
		return err
	}
	answer, userID, err := e.act(r.Context(), bearer, r.PostForm)
	if err != nil {
		return err
	}
	e.logger.LogAttrs(r.Context(), slog.LevelInfo, e.message, slog.String("user", userID))
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// wechatDataRoutes returns the routes of these endpoints, below path.
func wechatDataRoutes(path string, data *wechatdata.Service, errs errorWriter) []route {
	row := func(name, below, message string, act dataAction) route {
		endpoint := dataEndpoint{message, act, errs.logger}
		return route{name, postMethod, path + below, corsRegistered, slotWaiting, errs.endpoint(endpoint.serve)}
	}
	return []route{
		row("wechat_data_decrypt", "/data/decrypt", "wechat data decrypted",
			func(ctx context.Context, bearer string, form url.Values) (any, string, error) {
				opened, err := data.DecryptData(ctx, bearer, form)
				return opened, opened.UserID, err
			}),
		row("wechat_data_verify", "/data/verify", "wechat signature verified",
			func(ctx context.Context, bearer string, form url.Values) (any, string, error) {
				verified, err := data.VerifyData(ctx, bearer, form)
				return verified, verified.UserID, err
			}),
		row("wechat_session_key_check", "/session_key/check", "session key checked",
			func(ctx context.Context, bearer string, form url.Values) (any, string, error) {
				state, err := data.CheckSessionKey(ctx, bearer, form)
				return state, state.UserID, err
			}),
		row("wechat_session_key_reset", "/session_key/reset", "session key reset",
			func(ctx context.Context, bearer string, form url.Values) (any, string, error) {
				state, err := data.ResetSessionKey(ctx, bearer, form)
				return state, state.UserID, err
			}),
		row("wechat_phone", "/phone", "phone number bound",
			func(ctx context.Context, bearer string, form url.Values) (any, string, error) {
				phone, err := data.BindPhone(ctx, bearer, form)
				return phone, phone.UserID, err
			}),
	}
}
