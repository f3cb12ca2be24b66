// Package miniprogram represents a mini-program that a phone opens when it scans a code of a page to sign in. It is a
// page for browsers and does over HTTP what a mini-program does. It is for development only: its URL says who the user
// is.
package miniprogram

import (
	"cmp"
	"net/http"
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/devpages"
	"github.com/lingpai/lingpai/provider/pages"
)

// Paths of the page, and of the one that shows the site.
const (
	Path        = "/demo/mini-program"
	WebViewPath = Path + "/web-view"
)

// Config configures a Handler. All fields are required.
type Config struct {
	Issuer    string
	ClientID  string // of a public client with the grant wechat_code, and the scopes signin.approve and signin.handoff
	AppID     string
	Simulator string // URL of the simulator on which users have their codes
	Site      string // client_id of the site that its web-view shows
	Pages     *pages.Pages
}

// A Handler serves the page. Its URL has the parameters with which the simulator opens a mini-program. With GET it asks
// the user, and the form of that page is posted to the same URL. Tokens stay in memory.
type Handler struct {
	config  Config
	users   users
	foreign *http.CrossOriginProtection
}

// New returns a handler. It calls the issuer and the simulator only when it is used.
func New(c Config) *Handler {
	h := &Handler{config: c, foreign: http.NewCrossOriginProtection()}
	h.users.signIn = h.signIn
	return h
}

// launch is how a phone has opened the page.
type launch struct {
	user   string
	handle string // of the code that the user has scanned, or whose link they have opened
	scene  string
}

// launchOf reads the launch parameters. A QR code has an address of the issuer, a mini-program code has the handle in
// its scene, and a link has it as well. It returns false if the phone has opened none of them.
func (h *Handler) launchOf(r *http.Request) (launch, bool) {
	query := r.URL.Query()
	options, _ := url.ParseQuery(query.Get("query")) // what it could parse, even after an error
	handle, found := strings.CutPrefix(options.Get("q"), h.config.Issuer+"/scan/")
	if !options.Has("q") {
		handle = cmp.Or(options.Get("scene"), options.Get("scan"))
		found = handle != ""
	}
	l := launch{user: query.Get("user"), handle: handle, scene: query.Get("scene")}
	return l, found && l.user != "" && query.Get("appid") == h.config.AppID
}

// ServeHTTP implements http.Handler.
func (h *Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	l, found := h.launchOf(r)
	switch {
	case r.Method != http.MethodGet && r.Method != http.MethodHead && r.Method != http.MethodPost:
		w.Header().Set("Allow", "GET, HEAD, POST")
		http.Error(w, "this page has a form, and nothing else", http.StatusMethodNotAllowed)
	case h.foreign.Check(r) != nil:
		h.config.Pages.Render(w, r, http.StatusForbidden,
			devpages.Problem{Kind: devpages.ForeignForm, Locales: devpages.LocalesOf(r)})
	case r.URL.Path == WebViewPath:
		h.webView(w, r)
	case !found:
		h.show(w, r, devpages.ScanResult{Kind: devpages.ScanWithoutCode})
	case r.Method == http.MethodPost:
		h.decide(w, r, l)
	default:
		h.ask(w, r, l)
	}
}

// ask says that the user has scanned the code, and asks what to do.
func (h *Handler) ask(w http.ResponseWriter, r *http.Request, l launch) {
	var page devpages.ScanQuestion
	failed := h.call(r.Context(), l, "/look", url.Values{"scene": {l.scene},
		"ui_locales": {h.config.Pages.Language(r)}}, &page)
	if failed != nil {
		h.show(w, r, *failed)
		return
	}
	page.Locales, page.User, page.Action = devpages.LocalesOf(r), l.user, Path+"?"+r.URL.RawQuery
	h.config.Pages.Render(w, r, http.StatusOK, page)
}

// maxForm is how many bytes a form of the page has at most.
const maxForm = 4 << 10

// decide sends the decision of the user.
func (h *Handler) decide(w http.ResponseWriter, r *http.Request, l launch) {
	r.Body = http.MaxBytesReader(w, r.Body, maxForm)
	decision, number, _ := strings.Cut(r.PostFormValue("decision"), " ")
	var result devpages.ScanResult
	path, form := "/decline", url.Values{}
	switch decision {
	case "allow":
		path, form = "/approve", url.Values{"number": {number}}
		result.Kind = devpages.ScanApproved
	case "deny":
		result.Kind = devpages.ScanDenied
	case "report":
		form.Set("report", "true")
		result.Kind = devpages.ScanReported
	default:
		http.Error(w, "decision is allow, deny or report", http.StatusBadRequest)
		return
	}
	if failed := h.call(r.Context(), l, path, form, nil); failed != nil {
		result = *failed
	}
	h.show(w, r, result)
}

// show shows what has come of a scan.
func (h *Handler) show(w http.ResponseWriter, r *http.Request, result devpages.ScanResult) {
	status := http.StatusOK
	switch result.Kind {
	case devpages.ScanWithoutCode, devpages.ScanRefused:
		status = http.StatusBadRequest
	case devpages.ScanUnreachable:
		status = http.StatusBadGateway
	}
	result.Locales, result.User = devpages.LocalesOf(r), r.URL.Query().Get("user")
	h.config.Pages.Render(w, r, status, result)
}
