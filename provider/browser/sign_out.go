package browser

import (
	"net/http"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/provider/pages"
)

// SignOut ends the browser sessions of a browser, for a client or for its users.
type SignOut struct{ *Handler }

// EndSession is the logout endpoint (OpenID Connect RP-Initiated Logout 1.0 §2). A POST becomes a GET once its hint has
// been acted on: browsers send no cookie with the form of another site.
func (h SignOut) EndSession(w http.ResponseWriter, r *http.Request) {
	v := visit{w: w, r: r, browser: h.cookie.read(r)}
	values, ok := h.parameters(v)
	if !ok {
		return
	}
	logout, err := h.authorize.ReadLogout(r.Context(), values)
	if err != nil {
		h.refuse(v, err)
		return
	}
	here, err := h.authorize.EndHinted(r.Context(), logout, v.browser)
	if err != nil {
		h.refuse(v, err)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	if r.Method == http.MethodPost {
		http.Redirect(w, r, h.path+EndSessionPath+"?"+logout.Query(), http.StatusSeeOther)
		return
	}
	users, err := h.authorize.SignedIn(r.Context(), v.browser)
	if err != nil {
		h.refuse(v, err)
		return
	}
	h.cookie.keepOnly(w, v.browser, users)
	switch {
	case len(users) > 0 && !here: // they may be somebody else, or the request another site's (CSRF)
		http.Redirect(w, r, h.signOutURL(logout), http.StatusSeeOther)
	default:
		h.signedOut(v, logout)
	}
}

// signOutURL returns the URL of the page that asks, which carries a logout request on.
func (h SignOut) signOutURL(logout authorize.Logout) string {
	return h.path + SignOutPath + "?" + toParameter + "=" + toEndSession + "&" + logout.Query()
}

// Page is the page that asks whether to sign out all users of this browser.
func (h SignOut) Page(w http.ResponseWriter, r *http.Request) {
	v, query, ok := h.enter(w, r)
	if !ok {
		return
	}
	if query.Has(toParameter) && query.Get(toParameter) != toEndSession {
		h.show(v, http.StatusNotFound, pages.Error{Kind: pages.NotFound})
		return
	}
	query.Del(toParameter)
	logout, err := h.authorize.ReadLogout(r.Context(), query)
	if err != nil {
		h.refuse(v, err)
		return
	}
	if v.form != nil {
		if err := h.authorize.SignOut(r.Context(), v.browser); err != nil {
			h.refuse(v, err)
			return
		}
		h.cookie.keepOnly(w, v.browser, nil)
		h.signedOut(v, logout)
		return
	}
	h.askToSignOut(v, logout)
}

func (h SignOut) askToSignOut(v visit, logout authorize.Logout) {
	users, err := h.authorize.SignedIn(v.r.Context(), v.browser)
	if err != nil {
		h.refuse(v, err)
		return
	}
	if len(users) == 0 {
		h.signedOut(v, logout)
		return
	}
	page := pages.SignOut{Form: pages.Form{Action: h.signOutURL(logout)}}
	for _, user := range users {
		page.Users = append(page.Users, user.Name())
	}
	h.show(v, http.StatusOK, page)
}

// signedOut leads back to the client, or says that nobody is signed in any more. Without a hint or an answer of the
// user, it goes there by itself only to the operator's own clients (see refuse).
func (h SignOut) signedOut(v visit, logout authorize.Logout) {
	to := logout.Return()
	switch {
	case to == "":
		h.show(v, http.StatusOK, pages.SignedOut{})
	case v.r.Method == http.MethodPost: // Chromium applies form-action to every redirect after a form
		h.show(v, http.StatusOK, pages.SentOn{URL: to})
	case logout.Hinted() || logout.Client.FirstParty:
		v.leadTo(to)
	default:
		h.show(v, http.StatusOK, pages.SignedOut{Client: logout.Client.Title(), Return: to})
	}
}
