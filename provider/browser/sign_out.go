package browser

import (
	"net/http"

	"github.com/lingpai/lingpai/provider/pages"
)

// SignOut is the page that asks whether to sign out all users of this browser.
func (h *Handler) SignOut(w http.ResponseWriter, r *http.Request) {
	v := visit{w: w, r: r, browser: h.cookie.read(r)}
	if r.Method == http.MethodPost {
		if h.isForeign(r) {
			h.show(v, http.StatusForbidden, pages.Error{Kind: pages.ForeignForm})
			return
		}
		if err := h.authorize.SignOut(r.Context(), v.browser); err != nil {
			h.refuse(v, err)
			return
		}
		if v.browser.Known() {
			h.cookie.write(w, v.browser.SignedOut())
		}
		h.show(v, http.StatusOK, pages.SignedOut{})
		return
	}
	users, err := h.authorize.SignedIn(r.Context(), v.browser)
	if err != nil {
		h.refuse(v, err)
		return
	}
	if len(users) == 0 {
		h.show(v, http.StatusOK, pages.SignedOut{})
		return
	}
	page := pages.SignOut{Form: pages.Form{Action: h.path + SignOutPath}}
	for _, user := range users {
		page.Users = append(page.Users, user.Name())
	}
	h.show(v, http.StatusOK, page)
}
