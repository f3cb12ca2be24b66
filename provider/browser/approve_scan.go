package browser

import (
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
)

// ApproveScan is the page on the phone: somebody who has scanned a code without a mini-program approves there. Only its
// form changes anything, since scanners, messengers and mail programs open addresses by themselves.
type ApproveScan struct{ *Handler }

// Open leads from the address in a code to the page.
func (h ApproveScan) Open(w http.ResponseWriter, r *http.Request) {
	v := visit{w: w, r: r}
	v.leadTo(h.path + ApproveScanPath + "?" + url.Values{scanParameter: {r.PathValue("handle")}}.Encode())
}

// Page serves the page and its form.
func (h ApproveScan) Page(w http.ResponseWriter, r *http.Request) {
	v, query, ok := h.enter(w, r)
	if !ok {
		return
	}
	v.seen = query.Get(seenParameter)
	var err error
	if v.request, v.scanned, err = h.scans.Screen(r.Context(), query, r.RemoteAddr); err != nil {
		h.failed(v, err)
		return
	}
	if v.form != nil {
		h.decide(v)
		return
	}
	h.judge(v)
}

// ask shows the page that asks whether the screen may sign in.
func (h ApproveScan) ask(v visit, next authorize.Next) {
	s := v.scanned
	place, callerPlace := h.scans.Places(s, v.r.RemoteAddr, h.pages.Language(v.r))
	h.show(v, http.StatusOK, pages.ApproveScan{
		Form: h.form(v, "", pages.Field{Name: "session", Value: next.User.ID}), Client: s.Client, Host: s.Host,
		User: next.User.Name(), OtherAccount: h.url(v, SignInPath, next.Seen()) + asAnother, Numbers: s.Numbers,
		Address: s.Address, Device: s.Device, Near: s.Near, Place: place, CallerPlace: callerPlace,
		Age: s.Age})
}

// decide does what the user has decided.
func (h ApproveScan) decide(v visit) {
	if !v.browser.Known() {
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.CookiesBlocked})
		return
	}
	decision, number, _ := strings.Cut(v.form.Get("decision"), " ")
	verdict := authorize.Verdict{Approved: decision == "allow", Report: decision == "report"}
	verdict.Number, _ = strconv.Atoi(number) // 0 is no number
	outcome := pages.ScanWasDenied
	switch {
	case verdict.Approved:
		outcome = pages.ScanWasApproved
	case verdict.Report:
		outcome = pages.ScanWasReported
	}
	err := h.scans.DecideHere(v.r.Context(), v.request, v.browser, v.form.Get("session"), verdict)
	if err != nil {
		h.failed(v, err)
		return
	}
	h.logger.InfoContext(v.r.Context(), "scan decided", "approved", verdict.Approved, "client", v.request.Client.ID)
	h.show(v, http.StatusOK, pages.ScanDone{Outcome: outcome, Client: v.scanned.Client})
}

// failed shows what has come of a scan, or another error.
func (h ApproveScan) failed(v visit, err error) {
	page, status := pages.ScanDone{Client: v.scanned.Client}, http.StatusOK
	switch {
	case errors.Is(err, authorize.ErrWrongNumber):
		page.Outcome = pages.ScanWrongNumber
	case errors.Is(err, authorize.ErrTaken):
		page.Outcome = pages.ScanTaken
	case errors.Is(err, authorize.ErrScanDecided):
		page.Outcome = pages.ScanDecided
	case errors.Is(err, authorize.ErrNoScan):
		page.Outcome, status = pages.ScanGone, oauth.InvalidGrant.Status()
	default:
		h.refuse(v, err)
		return
	}
	h.show(v, status, page)
}
