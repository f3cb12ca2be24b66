package browser

import (
	"errors"
	"net/http"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/signin"
)

// HandOff is the page that a mini-program opens in its web-view with a ticket. It asks whether to go on as the user of
// the mini-program: nothing else shows that the web-view is that mini-program's, and not the browser of a
// victim to which an attacker has sent the address. Then it leads to the client's page that begins a sign-in.
type HandOff struct{ *Handler }

// Page serves the page and its form.
func (h HandOff) Page(w http.ResponseWriter, r *http.Request) {
	v, query, ok := h.enter(w, r)
	if !ok {
		return
	}
	entered, known := query.Has(ticketParameter), v.browser.Known()
	switch {
	case !entered && !query.Has(askedParameter): // the mini-program has sent none
		h.failed(v, authorize.ErrNoHandOff)
		return
	case !known && !entered:
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.CookiesBlocked})
		return
	case !known:
		v.browser = authorize.NewBrowser()
	}
	off, err := h.handOffs.Read(r.Context(), query, v.browser)
	v.request = off.Request
	switch {
	case err != nil:
		h.failed(v, err)
	case off.Here:
		h.cookie.write(w, off.Browser())
		h.send(v, off.Start)
	case entered: // the next page asks; it can be reloaded, and has no ticket in its address
		if !known {
			h.cookie.write(w, v.browser)
		}
		v.leadTo(h.here(v))
	case v.form != nil:
		h.accept(v, off)
	default:
		h.show(v, http.StatusOK, h.question(v, off))
	}
}

func (h HandOff) here(v visit) string { return h.path + HandOffPath + "?" + v.request.Query() }

func (h HandOff) question(v visit, off authorize.HandOff) pages.HandOff {
	page := pages.HandOff{Form: pages.Form{Action: h.here(v)}, Client: off.Request.Client.Title(),
		User: nameOf(off.User), Otherwise: off.Start}
	if nickname := h.handOffs.Nickname(v.r.Context(), off); nickname != "" {
		page.User, page.ID = nickname, off.User.ID
	}
	if len(off.Others) > 0 {
		page.Other = off.Others[0].Name()
	}
	return page
}

// accept signs the user in.
func (h HandOff) accept(v visit, off authorize.HandOff) {
	browser, err := h.handOffs.Accept(v.r.Context(), off, signin.DeviceLabel(v.r.UserAgent()))
	if err != nil {
		h.failed(v, err)
		return
	}
	h.cookie.write(v.w, browser)
	h.send(v, off.Start)
}

// failed shows why nobody is signed in.
func (h HandOff) failed(v visit, err error) {
	if errors.Is(err, authorize.ErrNoHandOff) {
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.NoHandOff})
		return
	}
	h.refuse(v, err)
}
