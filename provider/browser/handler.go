package browser

import (
	"cmp"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/bounds"
	"github.com/lingpai/lingpai/provider/pages"
)

// Config configures a Handler. All fields are required.
type Config struct {
	Issuer    string
	Authorize *authorize.Service
	Devices   *authorize.Devices
	Wechat    *authorize.Wechat
	Scans     *authorize.Scans
	HandOffs  *authorize.HandOffs
	Pages     *pages.Pages
	Logger    *slog.Logger
}

// Handler serves the endpoints and pages for browsers. Each method is one endpoint.
type Handler struct {
	issuer    string
	path      string // of the issuer
	authorize *authorize.Service
	devices   *authorize.Devices
	wechat    *authorize.Wechat
	scans     *authorize.Scans
	handOffs  *authorize.HandOffs
	pages     *pages.Pages
	cookie    browserCookie
	trips     tripCookie
	own       origin
	logger    *slog.Logger
}

// New returns a Handler. It returns an error if the issuer is not a URL.
func New(c Config) (*Handler, error) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil {
		return nil, err
	}
	return &Handler{issuer: c.Issuer, path: issuer.Path, authorize: c.Authorize, devices: c.Devices, wechat: c.Wechat,
		scans: c.Scans, handOffs: c.HandOffs, pages: c.Pages, own: newOrigin(issuer),
		cookie: newBrowserCookie(c.Issuer, c.Authorize.SessionLife()),
		trips:  newTripCookie(c.Issuer, issuer.Path+WechatPath), logger: c.Logger}, nil
}

// Paths of the pages, below the issuer's.
const (
	AuthorizePath     = "/authorize"
	SignInPath        = "/sign-in"
	ChooseAccountPath = "/choose-account"
	ConsentPath       = "/consent"
	SignOutPath       = "/sign-out"
	EndSessionPath    = "/end-session"
	DevicePath        = "/device"
	WechatPath        = "/sign-in/wechat"
	WechatReturnPath  = WechatPath + "/return"
	ScanPath          = "/sign-in/scan"
	ScanWaitPath      = ScanPath + "/wait"
	ScanCodePath      = ScanPath + "/code"
	ApproveScanPath   = "/scan"  // on the phone
	ScannedPath       = "/scan/" // before the handle in a code
	HandOffPath       = "/handoff"
)

// Parameters of pages, beside those of the request that they carry on.
const (
	toParameter      = "to"   // what the page leads to
	seenParameter    = "seen" // what the browser has done for the request
	anotherParameter = "another_account"
	codeParameter    = "user_code"
	appParameter     = "wechat_app"     // with which to sign in at WeChat
	profileParameter = "wechat_profile" // and that it asks for the profile
	frameParameter   = "wechat_frame"   // and that its page is in a frame
	outcomeParameter = "wechat"         // what has come of it
	screenParameter  = "screen"         // the handle of the code that the page shows
	roundParameter   = "screen_round"   // which one it is, from 1
	knownParameter   = "known"          // how far the page knows that it has come
	openParameter    = "open"           // of its form: the kind of link to open WeChat with
	ticketParameter  = "ticket"         // of a mini-program for its web-view
	askedParameter   = "handoff"        // the same, once it is in this browser
	scanParameter    = "scan"           // the handle of a code that a phone has scanned
	toScan           = "scan"
	toAuthorize      = "authorize"
	toDevice         = "device"

	asAnother    = "&" + anotherParameter + "=1" // after the URL of the sign-in page
	toEndSession = "end-session"
)

// visit is a request of a browser for a page, or with its form.
type visit struct {
	w       http.ResponseWriter
	r       *http.Request
	request authorize.Request
	browser authorize.Browser
	seen    string
	another bool   // someone else than who is signed in wants to sign in
	app     string // with which they want to sign in at WeChat
	profile bool   // which asks for the profile
	inFrame bool   // and whose page is in a frame
	outcome string // what has come of it
	screen  string // the handle of the code that the page shows
	round   int    // which one it is
	scanned authorize.Scanned
	form    url.Values // nil for GET
}

// visit reads what a page carries on. It answers the request itself, and returns false, if that is not a valid
// authorization request, or if the form was not posted by a page of this server in a browser with a cookie.
func (h *Handler) visit(w http.ResponseWriter, r *http.Request) (visit, bool) {
	v, query, ok := h.enter(w, r)
	if !ok {
		return v, false
	}
	if v.form != nil && !v.browser.Known() {
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.CookiesBlocked})
		return v, false
	}
	ok = h.carry(&v, query)
	return v, ok
}

// carry reads the query of a page, which carries the request on. It answers itself, and returns false, if that is not
// valid.
func (h *Handler) carry(v *visit, query url.Values) bool {
	to := query.Get(toParameter)
	v.seen, v.another = query.Get(seenParameter), query.Has(anotherParameter)
	v.app, v.profile, v.outcome = query.Get(appParameter), query.Has(profileParameter), query.Get(outcomeParameter)
	v.inFrame, v.screen = query.Has(frameParameter), query.Get(screenParameter)
	v.round, _ = strconv.Atoi(query.Get(roundParameter)) // 0 if it was changed
	for _, own := range []string{toParameter, seenParameter, anotherParameter, appParameter, profileParameter,
		frameParameter, outcomeParameter, screenParameter, roundParameter} {
		query.Del(own)
	}
	var err error
	switch to {
	case toAuthorize:
		v.request, err = h.authorize.Read(v.r.Context(), query)
	case toDevice:
		if v.request, err = h.devices.Find(v.r.Context(), query, v.browser, v.r.RemoteAddr); err != nil {
			Device{h}.codeFailed(*v, query, err)
			return false
		}
	case toScan:
		if v.request, v.scanned, err = h.scans.Screen(v.r.Context(), query, v.r.RemoteAddr); err != nil {
			ApproveScan{h}.failed(*v, err)
			return false
		}
	default:
		h.show(*v, http.StatusNotFound, pages.Error{Kind: pages.NotFound})
		return false
	}
	if err != nil {
		h.refuse(*v, err)
		return false
	}
	return true
}

// enter reads the query of a page, and the form if one is posted. It answers the request itself, and returns false, if
// one is malformed, or if the form may have been posted by another site's page.
func (h *Handler) enter(w http.ResponseWriter, r *http.Request) (visit, url.Values, bool) {
	v, query := visit{w: w, r: r, browser: h.cookie.read(r)}, queryOf(r)
	if r.Method == http.MethodPost {
		if h.own.isForeign(r) {
			h.show(v, http.StatusForbidden, pages.Error{Kind: pages.ForeignForm})
			return v, nil, false
		}
		v.form = postedForm(r)
	}
	if query == nil || r.Method == http.MethodPost && v.form == nil {
		h.show(v, http.StatusBadRequest, pages.Error{Kind: pages.InvalidRequest})
		return v, nil, false
	}
	return v, query, true
}

// queryOf returns the query of a request, or nil if it is malformed: no parameter may be lost, such as a state.
func queryOf(r *http.Request) url.Values {
	values, err := url.ParseQuery(r.URL.RawQuery)
	if err != nil {
		return nil
	}
	return values
}

// parameters returns the parameters of a request that comes from a client's site. It answers itself, and returns false,
// if they are malformed.
func (h *Handler) parameters(v visit) (url.Values, bool) {
	values, status := queryOf(v.r), http.StatusBadRequest
	if v.r.Method == http.MethodPost {
		values, status = postedForm(v.r), http.StatusUnsupportedMediaType
	}
	if values == nil {
		h.show(v, status, pages.Error{Kind: pages.InvalidRequest})
	}
	return values, values != nil
}

// postedForm returns the form in a request's body, or nil if it is not one.
func postedForm(r *http.Request) url.Values {
	mediaType, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(mediaType), "application/x-www-form-urlencoded") {
		return nil
	}
	form, err := url.ParseQuery(string(bounds.TakeBody(r)))
	if err != nil {
		return nil
	}
	return form
}

// leadTo redirects the browser, which tells nobody where it was.
func (v visit) leadTo(to string) {
	v.w.Header().Set("Cache-Control", "no-store")
	v.w.Header().Set("Referrer-Policy", "no-referrer")
	http.Redirect(v.w, v.r, to, http.StatusSeeOther)
}

// start returns the path at which the request is judged, and what pages name it that lead back there.
func (v visit) start() (path, to string) {
	switch {
	case v.request.UserCode != "":
		return DevicePath, toDevice
	case v.request.Handle != "":
		return ApproveScanPath, toScan
	}
	return AuthorizePath, toAuthorize
}

// url returns the URL of a page that carries the request on, or of the request itself if page is "".
func (h *Handler) url(v visit, page, seen string) string {
	query := v.request.Query()
	start, to := v.start()
	if page != "" {
		query = toParameter + "=" + to + "&" + query
	}
	page = cmp.Or(page, start)
	if seen != "" {
		query += "&" + seenParameter + "=" + url.QueryEscape(seen)
	}
	return h.path + page + "?" + query
}

// form returns the form of a page, which is posted to the page itself.
func (h *Handler) form(v visit, page string, hidden ...pages.Field) pages.Form {
	return pages.Form{Action: h.url(v, page, v.seen), Hidden: hidden}
}

func (h *Handler) show(v visit, status int, page pages.Page) {
	if failure, ok := page.(pages.Error); ok {
		failure.RequestID = identity.ActorFrom(v.r.Context()).RequestID
		page = failure
	}
	h.pages.Render(v.w, v.r, status, page)
}

// sendOn leads back to the request.
func (h *Handler) sendOn(v visit, seen string) { h.send(v, h.url(v, "", seen)) }

// send sends the browser to a URL: after a form by a page, since Chromium applies form-action to every redirect then.
func (h *Handler) send(v visit, to string) {
	if v.form != nil {
		h.show(v, http.StatusOK, pages.SentOn{URL: to})
		return
	}
	v.leadTo(to)
}

// answer sends the browser to the client.
func (h *Handler) answer(v visit, answer authorize.Answer) {
	if !answer.FormPost {
		h.send(v, answer.URL())
		return
	}
	page := pages.FormPost{Form: pages.Form{Action: answer.RedirectURI}, Destination: v.request.Host()}
	for name := range answer.Parameters {
		page.Form.Hidden = append(page.Form.Hidden, pages.Field{Name: name, Value: answer.Parameters.Get(name)})
	}
	h.show(v, http.StatusOK, page)
}

// refuse answers a request that cannot be granted. An error goes to the client only if its redirect URI is proved. If
// nobody has signed in yet, it goes there by itself only at the operator's own clients: otherwise anybody could
// register a client to have this server send people to any page (RFC 9700 §4.11.2).
func (h *Handler) refuse(v visit, err error) {
	failure, ok := errors.AsType[*oauth.Error](err)
	if !ok {
		failure = &oauth.Error{Code: oauth.ServerError, Cause: err}
	}
	h.logger.InfoContext(v.r.Context(), "authorization request refused", "error", failure.Code.Error(),
		"description", failure.Description, "cause", failure.Cause, "client", v.request.Client.ID)
	status, page := failure.Code.Status(), pages.Error{Kind: kindOf(failure), Detail: failure.Description,
		Wait: failure.RetryAfter, Client: v.request.Client.Title()}
	if v.request.Proved() {
		answer := h.authorize.Refuse(v.request, failure)
		own := v.request.Client.FirstParty && !aboutPage(failure)
		if v.request.Silent() || own {
			h.answer(v, answer)
			return
		}
		page.Destination = v.request.Host()
		if !answer.FormPost {
			page.Return = answer.URL()
		}
	}
	h.show(v, status, page)
}

// aboutPage reports whether an error concerns the user at the page, and not the client: they can try again.
func aboutPage(failure *oauth.Error) bool {
	switch failure.Code {
	case oauth.TemporarilyUnavailable, oauth.TooManyRequests, oauth.ServerError, oauth.LoginRequired,
		oauth.InvalidRequestURI:
		return true
	}
	return false
}

// kindOf returns the words for an error.
func kindOf(failure *oauth.Error) pages.ErrorKind {
	if failure == authorize.ErrUnknownRedirectURI || failure == authorize.ErrUnknownReturnURI {
		return pages.UnknownRedirect
	}
	switch failure.Code {
	case oauth.InvalidClient:
		return pages.UnknownClient
	case oauth.UnauthorizedClient, oauth.InvalidScope, oauth.InvalidTarget, oauth.AccessDenied,
		oauth.UnmetAuthenticationRequirements:
		return pages.Refused
	case oauth.TooManyRequests:
		return pages.TooManyRequests
	case oauth.TemporarilyUnavailable:
		return pages.Unavailable
	case oauth.ServerError:
		return pages.Internal
	case oauth.LoginRequired, oauth.InvalidRequestURI, oauth.InvalidGrant:
		return pages.Expired
	}
	return pages.InvalidRequest
}
