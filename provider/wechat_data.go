package provider

import (
	"log/slog"
	"net/http"

	"github.com/lingpai/lingpai/access/wechatdata"
	"github.com/lingpai/lingpai/idempotency"
)

// dataEndpoint serves operations that need the session key of a user, which never leaves the server:
//
//	POST /wechat/data/decrypt          kind, encryptedData, iv
//	POST /wechat/data/verify           rawData, signature
//	POST /wechat/session_key/check
//	POST /wechat/session_key/reset
//	POST /wechat/phone                 code, with the scope phone; header Idempotency-Key
//	Authorization: Bearer …            with the scope wechat.data
//
// The token of a signed-in user identifies the user. A back end adds user, and appid if it has several apps.
type dataEndpoint struct {
	message string // logged when the operation succeeds
	act     dataAction
	logger  *slog.Logger
}

// dataAction returns the body of the response, and the id of the user.
type dataAction func(r *http.Request, bearer string) (answer any, userID string, err error)

func (e dataEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	bearer, err := readBearerAndForm(w, r)
	if err != nil {
		return err
	}
	answer, userID, err := e.act(r, bearer)
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
			func(r *http.Request, bearer string) (any, string, error) {
				opened, err := data.DecryptData(r.Context(), bearer, r.PostForm)
				return opened, opened.UserID, err
			}),
		row("wechat_data_verify", "/data/verify", "wechat signature verified",
			func(r *http.Request, bearer string) (any, string, error) {
				verified, err := data.VerifyData(r.Context(), bearer, r.PostForm)
				return verified, verified.UserID, err
			}),
		row("wechat_session_key_check", "/session_key/check", "session key checked",
			func(r *http.Request, bearer string) (any, string, error) {
				state, err := data.CheckSessionKey(r.Context(), bearer, r.PostForm)
				return state, state.UserID, err
			}),
		row("wechat_session_key_reset", "/session_key/reset", "session key reset",
			func(r *http.Request, bearer string) (any, string, error) {
				state, err := data.ResetSessionKey(r.Context(), bearer, r.PostForm)
				return state, state.UserID, err
			}),
		row("wechat_phone", "/phone", "phone number bound",
			func(r *http.Request, bearer string) (any, string, error) {
				key, err := idempotency.Key(r.Header.Values(idempotency.Header))
				if err != nil {
					return nil, "", err
				}
				phone, err := data.BindPhone(r.Context(), bearer, r.PostForm, key)
				return phone, phone.UserID, err
			}),
	}
}
