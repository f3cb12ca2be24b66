package provider

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/grants"
)

// dataEndpoint does what needs the session key of a user, which does not leave the server:
//
//	POST /wechat/data/decrypt          kind, encryptedData, iv
//	POST /wechat/data/verify           rawData, signature
//	POST /wechat/session_key/check
//	POST /wechat/session_key/reset
//	POST /wechat/phone                 code, with the scope phone
//	Authorization: Bearer …            with the scope wechat.data
//
// The token of a signed-in user says whose it is. A back end adds user, and appid if it has several apps.
type dataEndpoint struct {
	name    string // in the log
	act     func(ctx context.Context, bearer string, form url.Values) (answer any, userID string, err error)
	answers answers
}

// ServeHTTP implements http.Handler.
func (e *dataEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	answer, userID, err := e.answer(w, r)
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	e.answers.logger.LogAttrs(r.Context(), slog.LevelInfo, e.name, slog.String("user", userID))
	writeJSON(w, http.StatusOK, answer)
}

func (e *dataEndpoint) answer(w http.ResponseWriter, r *http.Request) (answer any, userID string, err error) {
	bearer, err := readBearerAndForm(w, r)
	if err != nil {
		return nil, "", err
	}
	return e.act(r.Context(), bearer, r.PostForm)
}

// dataEndpoints are all of them, by path.
func dataEndpoints(manager *grants.Manager, answers answers) map[string]http.Handler {
	return map[string]http.Handler{
		"/wechat/data/decrypt": &dataEndpoint{"wechat data decrypted", func(ctx context.Context, bearer string,
			form url.Values) (any, string, error) {
			data, err := manager.DecryptData(ctx, bearer, form)
			return data, data.UserID, err
		}, answers},
		"/wechat/data/verify": &dataEndpoint{"wechat signature verified", func(ctx context.Context, bearer string,
			form url.Values) (any, string, error) {
			data, err := manager.VerifyData(ctx, bearer, form)
			return data, data.UserID, err
		}, answers},
		"/wechat/session_key/check": &dataEndpoint{"session key checked", func(ctx context.Context, bearer string,
			form url.Values) (any, string, error) {
			state, err := manager.CheckSessionKey(ctx, bearer, form)
			return state, state.UserID, err
		}, answers},
		"/wechat/phone": &dataEndpoint{"phone number bound", func(ctx context.Context, bearer string,
			form url.Values) (any, string, error) {
			phone, err := manager.BindPhone(ctx, bearer, form)
			return phone, phone.UserID, err
		}, answers},
		"/wechat/session_key/reset": &dataEndpoint{"session key reset", func(ctx context.Context, bearer string,
			form url.Values) (any, string, error) {
			state, err := manager.ResetSessionKey(ctx, bearer, form)
			return state, state.UserID, err
		}, answers},
	}
}
