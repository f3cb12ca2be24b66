package browser

import (
	"net/http"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
)

// ChooseAccount is the page that asks which of several users it is.
func (h *Handler) ChooseAccount(w http.ResponseWriter, r *http.Request) {
	v, ok := h.visit(w, r)
	if !ok {
		return
	}
	if v.form != nil {
		browser, seen, err := h.authorize.Choose(r.Context(), v.request, v.browser, v.seen, v.form.Get("account"))
		if err != nil {
			h.refuse(v, err)
			return
		}
		h.cookie.write(v.w, browser)
		h.sendOn(v, seen)
		return
	}
	next, ok := h.next(v, authorize.StepChoose)
	if !ok {
		return
	}
	page := pages.ChooseAccount{Form: h.form(v, ChooseAccountPath), Client: v.request.Client.Title(),
		OtherAccount: h.url(v, SignInPath, v.seen) + asAnother}
	for _, user := range next.Users {
		page.Accounts = append(page.Accounts, pages.Account{Value: user.ID, Name: user.Name(),
			Age: next.Now.Sub(user.AuthTime)})
	}
	h.show(v, http.StatusOK, page)
}

// Consent is the page that asks whether the client may have what it asks for.
func (h *Handler) Consent(w http.ResponseWriter, r *http.Request) {
	v, ok := h.visit(w, r)
	if !ok {
		return
	}
	if v.request.Elsewhere() { // has a page of its own
		http.Redirect(w, r, h.url(v, "", v.seen), http.StatusSeeOther)
		return
	}
	if v.form != nil {
		h.consent(v)
		return
	}
	next, ok := h.next(v, authorize.StepConsent)
	if !ok {
		return
	}
	page := pages.Consent{
		Form: h.form(v, ConsentPath, pages.Field{Name: "session", Value: next.User.ID}), User: next.User.Name(),
		Client: v.request.Client.Title(), OtherAccount: h.url(v, SignInPath, v.seen) + asAnother,
		Scopes:      v.request.Scopes(),
		Destination: v.request.Host(), Risk: riskOf(v.request), Remembered: v.request.Remembers(),
	}
	if v.request.Resource != "" {
		page.Resources = []string{v.request.Resource}
	}
	h.show(v, http.StatusOK, page)
}

// riskOf returns who else may receive the answer.
func riskOf(r authorize.Request) pages.Risk {
	switch r.Reach() {
	case authorize.ReachHost:
		return pages.NoRisk
	case authorize.ReachDevice:
		return pages.LoopbackRisk
	}
	return pages.PrivateScheme
}

// consent does what the user has decided. The form names the session that the page was shown for: meanwhile another
// user may have signed in in another tab.
func (h *Handler) consent(v visit) {
	if v.form.Get("decision") != "allow" {
		h.answer(v, h.authorize.Refuse(v.request, oauth.NewError(oauth.AccessDenied, "The user did not consent.")))
		return
	}
	seen, err := h.authorize.Consent(v.r.Context(), v.request, v.browser, v.seen, v.form.Get("session"))
	if err != nil {
		h.refuse(v, err)
		return
	}
	h.sendOn(v, seen)
}
