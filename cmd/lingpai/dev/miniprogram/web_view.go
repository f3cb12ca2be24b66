package miniprogram

import (
	"errors"
	"net/http"
	"net/url"
)

// webView represents a page of the mini-program with a web-view: it exchanges an access token of the user for a ticket,
// and opens the web-view with it, as function handOff of the SDK does.
func (h *Handler) webView(w http.ResponseWriter, r *http.Request) {
	var answer struct {
		Ticket string `json:"access_token"`
	}
	failed := resultOf(h.withToken(r.Context(), r.URL.Query().Get("user"), func(token string) error {
		form := url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:token-exchange"},
			"client_id": {h.config.ClientID}, "subject_token": {token}, "audience": {h.config.Site},
			"subject_token_type":   {"urn:ietf:params:oauth:token-type:access_token"},
			"requested_token_type": {"urn:lingpai:oauth:token-type:ticket"}}
		err := post(r.Context(), h.config.Issuer+"/token", "", formType, form.Encode(), &answer)
		if refused, ok := errors.AsType[*refusal](err); ok && refused.Code == "invalid_request" {
			refused.Status = http.StatusUnauthorized // it is about the token (RFC 8693 §2.2.2)
		}
		return err
	}))
	if failed != nil {
		h.show(w, r, *failed)
		return
	}
	src := url.Values{"ticket": {answer.Ticket}}
	if locales := r.URL.Query().Get("ui_locales"); locales != "" {
		src.Set("ui_locales", locales)
	}
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(w, r, h.config.Simulator+"/_sim/web_view?"+url.Values{"appid": {h.config.AppID},
		"url": {h.config.Issuer + "/handoff?" + src.Encode()}}.Encode(), http.StatusSeeOther)
}
