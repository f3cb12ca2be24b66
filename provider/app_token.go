package provider

import (
	"log/slog"
	"net/http"

	"github.com/lingpai/lingpai/access/wechatdata"
)

// appTokenEndpoint gives back ends the app-level access token of an app, so that they need no copy of its AppSecret:
//
//	POST /wechat/app_token
//	Authorization: Bearer …
//	appid=wx0123456789abcdef
type appTokenEndpoint struct {
	tokens *wechatdata.AppTokens
	logger *slog.Logger
}

func (e appTokenEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	bearer, err := readBearerAndForm(r)
	if err != nil {
		return err
	}
	token, err := e.tokens.AppToken(r.Context(), bearer, r.PostForm)
	if err != nil {
		return err
	}
	e.logger.LogAttrs(r.Context(), slog.LevelInfo, "app token issued", slog.String("client", token.ClientID),
		slog.String("appid", token.AppID))
	writeJSON(w, http.StatusOK, token)
	return nil
}
