package browser

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/signin"
)

// Scan is the page that shows a code to be scanned with a phone. Its URL has the code's handle, so that it can be
// reloaded; only the browser that it was made for can use it.
type Scan struct{ *Handler }

const (
	// maxRounds is how many codes a page shows before it asks whether anybody is still there.
	maxRounds = 6
	// waitsFor is how long an answer about a code is put off if nothing changes.
	waitsFor = 25 * time.Second
)

// Page serves the page, and the form with which the user on the screen goes on.
func (h Scan) Page(w http.ResponseWriter, r *http.Request) {
	v, ok := h.visit(w, r)
	switch {
	case !ok:
		return
	case !h.scans.Offers(v.request):
		h.show(v, http.StatusNotFound, pages.Error{Kind: pages.NotFound})
		return
	case v.form.Has(openParameter):
		h.open(v)
		return
	case v.form != nil:
		h.redeem(v)
		return
	}
	if !v.another {
		if _, ok := h.next(v, authorize.StepSignIn); !ok {
			return
		}
	}
	if v.screen == "" {
		h.newCode(v, 1)
		return
	}
	scan, err := h.scans.Shown(r.Context(), v.screen, v.browser)
	switch {
	case errors.Is(err, authorize.ErrNoScan):
		h.expired(v)
	case err != nil:
		h.refuse(v, err)
	case scan.Progress == authorize.ScanDenied:
		h.show(v, http.StatusOK, h.over(v, pages.ScanDenied))
	case scan.Progress == authorize.ScanApproved:
		h.confirm(v)
	case h.opens(v):
		h.show(v, http.StatusOK, h.opening(v, scan))
	default:
		h.showCode(v, scan)
	}
}

// newCode leads to the page with a new code.
func (h Scan) newCode(v visit, round int) {
	if !v.browser.Known() {
		v.browser = authorize.NewBrowser()
		h.cookie.write(v.w, v.browser)
	}
	var err error
	v.screen, err = h.scans.Start(v.r.Context(), v.request, v.browser, v.r.RemoteAddr, v.r.UserAgent())
	if err != nil {
		h.refuse(v, err)
		return
	}
	v.round = round
	v.leadTo(h.here(v))
}

// expired shows the next code, unless nobody seems to be there.
func (h Scan) expired(v visit) {
	if v.round >= 1 && v.round < maxRounds {
		h.newCode(v, v.round+1)
		return
	}
	h.show(v, http.StatusOK, h.over(v, pages.ScanExpired))
}

// over returns the page that says why there is no code any more.
func (h Scan) over(v visit, reason pages.ScanReason) pages.ScanOver {
	if h.opens(v) {
		reason = reason.Opened()
	}
	return pages.ScanOver{Reason: reason, Again: h.again(v), OtherWay: h.signInURL(v, v.seen)}
}

// again returns the URL of the page with a new code.
func (h Scan) again(v visit) string {
	to := h.url(v, ScanPath, v.seen)
	if v.another {
		to += asAnother
	}
	return to
}

// here returns the URL of the page with its code.
func (h Scan) here(v visit) string {
	return h.again(v) + "&" + url.Values{screenParameter: {v.screen}, roundParameter: {strconv.Itoa(v.round)}}.Encode()
}

// showCode shows the code, or that it was scanned.
func (h Scan) showCode(v visit, scan authorize.OnScreen) {
	code, err := pages.NewQR(h.issuer + ScannedPath + v.screen)
	if err != nil {
		h.refuse(v, err)
		return
	}
	page := pages.ScanScreen{Client: v.request.Client.Title(), Code: code, Number: scan.Number,
		Scanned: scan.Progress == authorize.ScanScanned, Here: h.here(v), OtherWay: h.signInURL(v, v.seen),
		Again: h.again(v), Press: authorize.EnvironmentOf(v.r.UserAgent()).Presses(),
		Wait: h.waitURL(v, scan)}
	if page.Press || h.scans.ForMiniProgram() {
		page.Picture = h.path + ScanCodePath + "?" + url.Values{screenParameter: {v.screen}}.Encode()
	}
	h.show(v, http.StatusOK, page)
}

// waitURL returns the URL that answers when a code has come further.
func (h Scan) waitURL(v visit, scan authorize.OnScreen) string {
	wait := url.Values{screenParameter: {v.screen}, knownParameter: {string(scan.Progress)}}
	return h.path + ScanWaitPath + "?" + wait.Encode()
}

// Code answers with the picture of a code: one that opens a mini-program, or if WeChat makes none, that of an address,
// which opens a page unless the operator lets it open a mini-program. A page that is loaded again does not ask for the
// picture again.
func (h Scan) Code(w http.ResponseWriter, r *http.Request) {
	handle := r.URL.Query().Get(screenParameter)
	header := w.Header()
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; sandbox")
	contentType, body, err := h.scans.Picture(r.Context(), handle, h.cookie.read(r))
	switch {
	case errors.Is(err, authorize.ErrNoScan):
		http.NotFound(w, r)
		return
	case errors.Is(err, oauth.TooManyRequests): // the limit is reported, and one caller must not fill the log
	case err != nil:
		h.logger.WarnContext(r.Context(), "no mini-program code: the page shows the code of an address", "error", err)
	}
	if body == nil {
		code, err := pages.NewQR(h.issuer + ScannedPath + handle)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		contentType, body = "image/png", code.PNG()
	}
	header.Set("Content-Type", contentType)
	header.Set("Cache-Control", "private, max-age=300, immutable")
	_, _ = w.Write(body) // an error means that the caller is gone
}

// confirm asks the user on the screen whether it is they who have approved. If the same user is signed in there, it
// goes on.
func (h Scan) confirm(v visit) {
	user, err := h.scans.Confirmed(v.r.Context(), v.request, v.browser, v.screen)
	if errors.Is(err, authorize.ErrNoScan) {
		h.show(v, http.StatusOK, h.over(v, pages.ScanExpired))
		return
	}
	users, failed := h.authorize.SignedIn(v.r.Context(), v.browser)
	switch {
	case err != nil || failed != nil:
		h.refuse(v, errors.Join(err, failed))
	case slices.ContainsFunc(users, func(u identity.SignedIn) bool { return u.UserID == user.ID }):
		h.redeem(v)
	default:
		h.show(v, http.StatusOK, pages.ScanConfirm{Form: pages.Form{Action: h.here(v)},
			Client: v.request.Client.Title(), User: nameOf(user), Opened: h.opens(v), Again: h.again(v)})
	}
}

// nameOf returns how a user is called on pages.
func nameOf(user identity.User) string {
	return identity.SignedIn{BrowserSession: identity.BrowserSession{UserID: user.ID}, User: user}.Name()
}

// redeem signs the user in who has approved.
func (h Scan) redeem(v visit) {
	browser, seen, err := h.scans.Redeem(v.r.Context(), v.request, v.browser, v.seen, v.screen,
		signin.DeviceLabel(v.r.UserAgent()))
	switch {
	case errors.Is(err, authorize.ErrNoScan):
		h.show(v, http.StatusOK, h.over(v, pages.ScanExpired))
		return
	case err != nil:
		h.refuse(v, err)
		return
	}
	h.cookie.write(v.w, browser)
	h.sendOn(v, seen)
}

// waitUntil returns until when to wait for a change of a scan: not much longer than it lives.
func waitUntil(scan authorize.OnScreen) time.Time {
	if latest := time.Now().Add(waitsFor); latest.Before(scan.Expires) {
		return latest
	}
	return scan.Expires
}

// Wait answers when a code has come further than the page knows, or is not, or no longer, one of this browser: then the
// page is to be loaded again, which shows what has come of it. The answer says nothing else. If nothing has changed for
// a while it is 204, and the page is to ask again.
func (h Scan) Wait(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	handle, known := query.Get(screenParameter), authorize.Progress(query.Get(knownParameter))
	browser := h.cookie.read(r)
	scan, err := h.scans.Shown(r.Context(), handle, browser)
	if err == nil && scan.Progress == known {
		ctx, cancel := context.WithDeadline(r.Context(), waitUntil(scan))
		if err = h.scans.Wait(ctx, handle, scan); err == nil {
			scan, err = h.scans.Shown(r.Context(), handle, browser)
		}
		cancel()
	}
	if r.Context().Err() != nil { // the browser has left the page, which is no outage
		w.WriteHeader(http.StatusNoContent)
		return
	}
	status := http.StatusOK
	failure, failed := errors.AsType[*oauth.Error](err)
	switch {
	case errors.Is(err, authorize.ErrNoScan):
	case failed:
		status = failure.Code.Status()
	case err != nil:
		status = http.StatusInternalServerError
	case scan.Progress == known:
		status = http.StatusNoContent
	}
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}
