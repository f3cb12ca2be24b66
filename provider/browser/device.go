package browser

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
)

// Device is the page that asks for the code which a device shows, and then whether the device may use the account
// (RFC 8628 §3.3). With the code in its query (§3.3.1) it asks only the latter, and shows the code.
type Device struct{ *Handler }

// Page serves the page and its forms.
func (h Device) Page(w http.ResponseWriter, r *http.Request) {
	v, query, ok := h.enter(w, r)
	if !ok {
		return
	}
	entered := query.Has(codeParameter)
	switch {
	case !entered && v.form == nil:
		h.show(v, http.StatusOK, pages.Device{Form: h.codeForm(query)})
		return
	case !entered:
		query.Set(codeParameter, v.form.Get(codeParameter))
	}
	var err error
	if v.request, err = h.devices.Find(r.Context(), query, v.browser, r.RemoteAddr); err != nil {
		h.codeFailed(v, query, err)
		return
	}
	v.seen = query.Get(seenParameter)
	switch {
	case !entered: // the next page can be reloaded
		w.Header().Set("Cache-Control", "no-store")
		http.Redirect(w, r, h.url(v, "", ""), http.StatusSeeOther)
	case v.form != nil:
		h.decide(v)
	case v.request.Decided:
		h.refuse(v, authorize.ErrUsedUserCode)
	default:
		h.judge(v)
	}
}

// codeForm returns the form for a code, in the language of the page.
func (h Device) codeForm(query url.Values) pages.Form {
	action := h.path + DevicePath
	if locales := query.Get("ui_locales"); locales != "" {
		action += "?" + url.Values{"ui_locales": {locales}}.Encode()
	}
	return pages.Form{Action: action}
}

// codeFailed asks for the code again, or shows an error that is not about the code.
func (h Device) codeFailed(v visit, query url.Values, err error) {
	page := pages.Device{Form: h.codeForm(query), UserCode: query.Get(codeParameter), Problem: pages.WrongUserCode}
	failure, ok := errors.AsType[*oauth.Error](err)
	switch {
	case page.UserCode == "":
		page.Problem = pages.UserCodeMissing
	case ok && failure.Code == oauth.TooManyRequests:
		page.Problem, page.Wait = pages.TooManyAttempts, failure.RetryAfter
	case !errors.Is(err, authorize.ErrUnknownUserCode):
		h.refuse(v, err)
		return
	}
	h.show(v, failure.Code.Status(), page)
}

// ask shows the page that asks whether the device may use the account.
func (h Device) ask(v visit, next authorize.Next) {
	page := pages.ApproveDevice{
		Form: h.form(v, "", pages.Field{Name: "session", Value: next.User.ID}), Client: v.request.Client.Title(),
		User: next.User.Name(), OtherAccount: h.url(v, SignInPath, next.Seen()) + asAnother,
		UserCode: v.request.UserCode, Scopes: v.request.Scopes(), Address: v.request.Address,
		Device: v.request.Device, Near: v.request.Near(v.r.RemoteAddr),
	}
	if v.request.Resource != "" {
		page.Resources = []string{v.request.Resource}
	}
	h.show(v, http.StatusOK, page)
}

// decide does what the user has decided. The form names the session that the page was shown for: meanwhile
// another user may have signed in in another tab.
func (h Device) decide(v visit) {
	if !v.browser.Known() {
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.CookiesBlocked})
		return
	}
	approved := v.form.Get("decision") == "allow"
	err := h.devices.Decide(v.r.Context(), v.request, v.browser, v.form.Get("session"), approved)
	if err != nil {
		h.refuse(v, err)
		return
	}
	h.logger.InfoContext(v.r.Context(), "device request decided", "approved", approved,
		"client", v.request.Client.ID)
	h.show(v, http.StatusOK, pages.DeviceDone{Approved: approved, Client: v.request.Client.Title()})
}
