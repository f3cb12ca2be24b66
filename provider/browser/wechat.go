package browser

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
	"github.com/lingpai/lingpai/signin"
)

// Wechat leads browsers to pages of WeChat on which people sign in, and takes them back. It shows no page itself: each
// can be reloaded, and entered again by the back button.
type Wechat struct{ *Handler }

// What has come of a trip, for the page to sign in.
const (
	outcomeNew         = "new"      // the official account has to ask for the profile
	outcomeSnapshot    = "snapshot" // WeChat has opened the page as a snapshot
	outcomeDeclined    = "declined"
	outcomeFailed      = "failed"
	outcomeUnavailable = "unavailable"
)

// Leave sends the browser, or a frame of the page to sign in, to the page of an app.
func (h Wechat) Leave(w http.ResponseWriter, r *http.Request) {
	v, ok := h.visit(w, r)
	if !ok {
		return
	}
	ways := h.wechat.Ways(r.Context(), v.request, r.UserAgent())
	n := slices.IndexFunc(ways.List, func(way authorize.Way) bool { return v.app != "" && way.App.ID == v.app })
	if n < 0 || v.inFrame && !ways.List[n].Frame {
		h.show(v, http.StatusNotFound, pages.Error{Kind: pages.NotFound})
		return
	}
	if !v.browser.Known() {
		v.browser = authorize.NewBrowser()
		h.cookie.write(w, v.browser)
	}
	_, query, _ := strings.Cut(h.signInURL(v, v.seen), "?")
	to, trips, err := h.wechat.Leave(v.browser, h.trips.read(r), authorize.Departure{App: ways.List[n].App,
		Query: query, Profile: v.profile, InFrame: v.inFrame, Chinese: h.pages.Language(r) == pages.Chinese})
	if err != nil {
		h.refuse(v, err)
		return
	}
	h.trips.write(w, trips)
	v.leadTo(to)
}

// Return takes the browser back, with a code or without. If it has come back before, by the back button, it just goes
// on.
func (h Wechat) Return(w http.ResponseWriter, r *http.Request) {
	v := visit{w: w, r: r, browser: h.cookie.read(r)}
	answer := queryOf(r)
	trip, trips, err := h.wechat.Return(v.browser, h.trips.read(r), answer.Get("state"))
	if err != nil {
		h.refuse(v, err)
		return
	}
	query, _ := url.ParseQuery(trip.Query) // which this server has written
	if !h.carry(&v, query) {
		return
	}
	h.trips.write(w, trips)
	switch {
	case trip.Used:
		v.leadTo(h.url(v, "", v.seen))
		return
	case answer.Get("code") == "":
		h.sendBack(v, outcomeDeclined)
		return
	}
	browser, seen, err := h.wechat.SignIn(r.Context(), v.request, v.browser, v.seen, trip, answer.Get("code"),
		authorize.Credentials{Address: r.RemoteAddr, Device: signin.DeviceLabel(r.UserAgent())})
	if err != nil {
		v.app = trip.App
		h.sendBack(v, h.outcomeOf(v, err))
		return
	}
	h.cookie.write(w, browser)
	v.leadTo(h.url(v, "", seen))
}

// outcomeOf returns what the page to sign in says about an error.
func (h Wechat) outcomeOf(v visit, err error) string {
	failure, ok := errors.AsType[*oauth.Error](err)
	switch {
	case errors.Is(err, authorize.ErrNewAtAccount):
		return outcomeNew
	case ok && failure.Members["wechat_snapshot"] == true:
		return outcomeSnapshot
	}
	h.logger.InfoContext(v.r.Context(), "sign-in at WeChat failed", "error", err, "client", v.request.Client.ID)
	if ok && failure.Code == oauth.InvalidGrant {
		return outcomeFailed
	}
	return outcomeUnavailable
}

// sendBack sends the browser back to the page to sign in, which says what has come of it.
func (h Wechat) sendBack(v visit, outcome string) {
	extra := url.Values{outcomeParameter: {outcome}}
	if v.app != "" {
		extra.Set(appParameter, v.app)
	}
	v.leadTo(h.signInURL(v, v.seen) + "&" + extra.Encode())
}

// link returns the URL at which the browser leaves for the page of an app.
func (h Wechat) link(v visit, appID string, profile bool) string {
	link := h.url(v, WechatPath, v.seen) + "&" + appParameter + "=" + appID
	if v.another {
		link += asAnother
	}
	if profile {
		link += "&" + profileParameter + "=1"
	}
	return link
}

// outcome shows the page that a trip to WeChat has led to, and returns false if that is just the page to sign in.
func (h Wechat) outcome(v visit) bool {
	switch {
	case v.outcome == outcomeNew && v.app != "":
		h.show(v, http.StatusOK, pages.WechatProfile{Client: v.request.Client.Title(), Continue: h.link(v, v.app, true),
			OtherWay: h.signInURL(v, v.seen)})
	case v.outcome == outcomeSnapshot:
		h.show(v, http.StatusOK, pages.Snapshot{Continue: h.url(v, "", v.seen)})
	default:
		return false
	}
	return true
}

// ways puts the ways to sign in on the page to sign in.
func (h Wechat) ways(v visit, page *pages.SignIn) {
	ways := h.wechat.Ways(v.r.Context(), v.request, v.r.UserAgent())
	page.NoPassword, page.Hint = true, pages.Hint(ways.Hint)
	for _, way := range ways.List {
		switch way.Method {
		case identity.MethodPassword:
			page.NoPassword, page.WaysFirst = false, len(page.Ways) > 0
		case identity.MethodScan:
			name := pages.ScanWay
			switch {
			case ways.Press:
				name = pages.PressWay
			case ways.Open:
				name = pages.OpenWay
			}
			page.Ways = append(page.Ways, pages.Way{Name: name, URL: Scan(h).again(v)})
		case identity.PlatformWechat:
			to := h.link(v, way.App.ID, false)
			page.Ways = append(page.Ways, pages.Way{Name: pages.WechatWay, URL: to})
			if way.Frame {
				page.Frame = pages.Frame{URL: to + "&" + frameParameter + "=1", Origin: h.wechat.Origin()}
			}
		}
	}
	page.WaysFirst = page.WaysFirst || page.NoPassword && len(page.Ways) > 0
	switch {
	case page.NoPassword && len(page.Ways) == 0:
		page.Problem = pages.NoWay
	case v.outcome == outcomeDeclined:
		page.Problem = pages.WechatDeclined
	case v.outcome == outcomeFailed:
		page.Problem = pages.WechatFailed
	case v.outcome == outcomeUnavailable:
		page.Problem = pages.SignInUnavailable
	}
}
