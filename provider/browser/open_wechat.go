package browser

import (
	"errors"
	"net/http"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
)

// opens reports whether the page of a code opens WeChat instead of showing the code.
func (h Scan) opens(v visit) bool {
	return h.scans.OpensWechat() && authorize.EnvironmentOf(v.r.UserAgent()) == authorize.Phone
}

// opening returns the page that opens WeChat for a code.
func (h Scan) opening(v visit, scan authorize.OnScreen) pages.OpenWechat {
	return pages.OpenWechat{Form: pages.Form{Action: h.here(v)}, Client: v.request.Client.Title(), Number: scan.Number,
		Scanned: scan.Progress == authorize.ScanScanned, Here: h.here(v), Wait: h.waitURL(v, scan), Again: h.again(v),
		OtherWay: h.signInURL(v, v.seen)}
}

// open leads to WeChat with a link to the code. WeChat makes few of them, so only the form of our own page has one
// made: browsers and scanners open addresses by themselves. The answer is a page that goes on to wait, or for a URL
// Link, which is in a tab of its own, one that leads there; not a redirect, since browsers apply form-action to that.
func (h Scan) open(v visit) {
	kind := authorize.LinkKind(v.form.Get(openParameter))
	scan, err := h.scans.Shown(v.r.Context(), v.screen, v.browser)
	if errors.Is(err, authorize.ErrNoScan) ||
		err == nil && scan.Progress != authorize.ScanPending && scan.Progress != authorize.ScanScanned {
		v.leadTo(h.here(v)) // which says so
		return
	}
	var link string
	if err == nil {
		link, err = h.scans.Link(v.r.Context(), v.screen, scan, kind)
	}
	page := h.opening(v, scan)
	switch {
	case errors.Is(err, authorize.ErrNoScan):
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.InvalidRequest})
	case errors.Is(err, oauth.TooManyRequests): // the limit is reported, and one caller must not fill the log
		page.Failed = true
		h.show(v, http.StatusTooManyRequests, page)
	case err != nil:
		h.logger.WarnContext(v.r.Context(), "no link to a mini-program: the page offers the other ways to sign in",
			"error", err)
		page.Failed = true
		h.show(v, http.StatusServiceUnavailable, page)
	case kind == authorize.LinkPage:
		h.show(v, http.StatusOK, pages.SentOn{URL: link})
	default:
		page.Scheme = link
		h.show(v, http.StatusOK, page)
	}
}
