package provider

import (
	"log/slog"
	"net/http"

	"github.com/lingpai/lingpai/grants"
)

// appTokenEndpoint gives back ends the app-level access token of an app, so that no AppSecret need lie about:
//
//	POST /wechat/app_token
//	Authorization: Bearer …
//	appid=wx0123456789abcdef
type appTokenEndpoint struct {
	manager *grants.Manager
	answers answers
}

// ServeHTTP implements http.Handler.
func (e *appTokenEndpoint) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	token, err := e.give(w, r)
	if err != nil {
		e.answers.writeError(w, r, err)
		return
	}
	e.answers.logger.LogAttrs(r.Context(), slog.LevelInfo, "app token given", slog.String("client", token.ClientID),
		slog.String("appid", token.AppID))
	writeJSON(w, http.StatusOK, token)
}

func (e *appTokenEndpoint) give(w http.ResponseWriter, r *http.Request) (grants.AppToken, error) {
	bearer, err := readBearerAndForm(w, r)
	if err != nil {
		return grants.AppToken{}, err
	}
	return e.manager.AppToken(r.Context(), bearer, r.PostForm)
}
