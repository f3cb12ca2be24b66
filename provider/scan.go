package provider

import (
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
)

// scanEndpoint serves what a mini-program or an app asks with which a user has scanned a code of a page to sign in:
//
//	POST /scan/look        scan, scene as in the launch options of WeChat, and ui_locales
//	POST /scan/approve     scan, and number as chosen
//	POST /scan/decline     scan, and report=true if the user knows nothing of it
//	Authorization: Bearer …    with the scope signin.approve
//
// The user is that of the token. Look records that the code was scanned, and returns what it is for.
type scanEndpoint struct {
	access *access.Service
	scans  *authorize.Scans
	pages  *pages.Pages
	logger *slog.Logger
}

// screenAnswer is what the user is told about the screen.
type screenAnswer struct {
	Client    string `json:"client_name"`
	Host      string `json:"host,omitempty"`
	Address   string `json:"address"`                // the screen's IP address
	Near      bool   `json:"near"`                   // it is in the same network as the caller
	Place     string `json:"place,omitempty"`        // where the screen probably is
	Caller    string `json:"caller_place,omitempty"` // where the caller is, if that is elsewhere
	Device    string `json:"device,omitempty"`
	Numbers   []int  `json:"numbers,omitempty"` // several: to choose among; one: to compare
	ShownAt   string `json:"shown_at"`          // RFC 3339
	ExpiresIn int    `json:"expires_in"`        // seconds that the user has to decide
}

// routes returns the routes of these endpoints, below path.
func (e scanEndpoint) routes(path string, errs errorWriter) []route {
	row := func(name, below string, serve func(w http.ResponseWriter, r *http.Request, b access.Bearer) error) route {
		return route{name, postMethod, path + below, corsRegistered, slotQuick, fieldsBody,
			errs.endpoint(func(w http.ResponseWriter, r *http.Request) error {
				bearer, err := readBearerAndForm(r)
				if err != nil {
					return err
				}
				checked, err := e.access.CheckSignIn(r.Context(), bearer, oauth.ScopeSignInApprove)
				if err != nil {
					return err
				}
				return serve(w, r, checked)
			})}
	}
	return []route{row("scan_look", "/look", e.look), row("scan_approve", "/approve", e.approve),
		row("scan_decline", "/decline", e.decline)}
}

func (e scanEndpoint) look(w http.ResponseWriter, r *http.Request, bearer access.Bearer) error {
	scene, err := numberOf(r, "scene")
	if err != nil {
		return err
	}
	screen, err := e.scans.Scan(r.Context(), bearer.Session, authorize.Sighting{Handle: r.PostForm.Get("scan"),
		Scene: scene, Address: r.RemoteAddr})
	if err != nil {
		return err
	}
	place, callerPlace := e.scans.Places(screen, r.RemoteAddr,
		e.pages.LanguageOf(r.PostForm.Get("ui_locales"), r.Header))
	writeJSON(w, http.StatusOK, screenAnswer{Client: screen.Client, Host: screen.Host, Address: screen.Address,
		Near: screen.Near, Place: place, Caller: callerPlace, Device: screen.Device, Numbers: screen.Numbers,
		ShownAt:   screen.Began.UTC().Format(time.RFC3339),
		ExpiresIn: max(0, int(time.Until(screen.Expires).Seconds()))})
	return nil
}

func (e scanEndpoint) approve(w http.ResponseWriter, r *http.Request, bearer access.Bearer) error {
	number, err := numberOf(r, "number")
	if err != nil {
		return err
	}
	return e.decide(w, r, bearer, authorize.Verdict{Approved: true, Number: number})
}

func (e scanEndpoint) decline(w http.ResponseWriter, r *http.Request, bearer access.Bearer) error {
	report := r.PostForm.Get("report")
	if report != "" && report != "true" && report != "false" {
		return badRequest("report is true or false.")
	}
	return e.decide(w, r, bearer, authorize.Verdict{Report: report == "true"})
}

func (e scanEndpoint) decide(w http.ResponseWriter, r *http.Request, bearer access.Bearer,
	verdict authorize.Verdict) error {
	if err := e.scans.Decide(r.Context(), bearer.Session, r.PostForm.Get("scan"), verdict); err != nil {
		return err
	}
	e.logger.LogAttrs(r.Context(), slog.LevelInfo, "scan decided", slog.Bool("approved", verdict.Approved),
		slog.String("user", bearer.Claims.Subject), slog.String("client", bearer.Claims.ClientID))
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// numberOf returns a parameter that is a positive number, or 0 if it is absent.
func numberOf(r *http.Request, name string) (int, error) {
	text := r.PostForm.Get(name)
	if text == "" {
		return 0, nil
	}
	number, err := strconv.Atoi(text)
	if err != nil || number <= 0 || len(text) > 9 {
		return 0, badRequest(name + " is not a positive number.")
	}
	return number, nil
}
