package browser

import (
	"net/http"

	"github.com/lingpai/lingpai/authorize"
)

// Authorize is the authorization endpoint (RFC 6749 §3.1, OpenID Connect Core §3.1.2). A POST becomes a GET once the
// request was read: browsers send no cookie with the form of another site.
func (h *Handler) Authorize(w http.ResponseWriter, r *http.Request) {
	v := visit{w: w, r: r, browser: h.cookie.read(r)}
	values, ok := h.parameters(v)
	if !ok {
		return
	}
	v.seen = values.Get(seenParameter)
	values.Del(seenParameter)
	var err error
	if v.request, err = h.authorize.Read(r.Context(), values); err != nil {
		h.refuse(v, err)
		return
	}
	if r.Method == http.MethodPost {
		http.Redirect(w, r, h.url(v, "", ""), http.StatusSeeOther)
		return
	}
	h.judge(v)
}

// judge answers a request, or shows the next page.
func (h *Handler) judge(v visit) {
	known := v.browser.Known()
	if !known {
		v.browser = authorize.NewBrowser()
	}
	next, err := h.authorize.Judge(v.r.Context(), v.request, v.browser, v.seen)
	switch {
	case err != nil:
		h.refuse(v, err)
		return
	case next.Step == authorize.StepCode || next.Step == authorize.StepError:
		answer, err := h.authorize.Answer(v.r.Context(), v.request, next)
		if err != nil {
			h.refuse(v, err)
			return
		}
		h.answer(v, answer)
		return
	case next.Step == authorize.StepConsent && v.request.UserCode != "":
		Device{h}.ask(v, next)
		return
	case next.Step == authorize.StepConsent && v.request.Handle != "":
		ApproveScan{h}.ask(v, next)
		return
	}
	if !known {
		h.cookie.write(v.w, v.browser)
	}
	v.w.Header().Set("Cache-Control", "no-store")
	http.Redirect(v.w, v.r, h.url(v, pathOf(next.Step), next.Seen()), http.StatusSeeOther)
}

// pathOf returns the path of the page of a step.
func pathOf(step authorize.Step) string {
	switch step {
	case authorize.StepChoose:
		return ChooseAccountPath
	case authorize.StepConsent:
		return ConsentPath
	}
	return SignInPath
}

// next returns what the request of a page is answered with. It answers itself, and returns false, if that is no longer
// the page: the user may have gone on in another tab.
func (h *Handler) next(v visit, page authorize.Step) (authorize.Next, bool) {
	next, err := h.authorize.Judge(v.r.Context(), v.request, v.browser, v.seen)
	if err != nil {
		h.refuse(v, err)
		return next, false
	}
	if next.Step != page {
		http.Redirect(v.w, v.r, h.url(v, "", v.seen), http.StatusSeeOther)
		return next, false
	}
	return next, true
}
