package wechattest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// control is the API under /_sim/, by which programs control the simulator over HTTP.
type control struct{ *Simulator }

// handler returns the handler of the API. All bodies are JSON; an error is answered with
// status 400 and {"error"}.
func (c control) handler() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_sim/codes", administer(c.mintCode(c.MintCode)))
	mux.HandleFunc("GET /_sim/codes", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, c.MiniProgramCodes())
	})
	mux.HandleFunc("GET /_sim/links", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, c.Links())
	})
	mux.HandleFunc("POST /_sim/scan", administer(c.Scan))
	mux.HandleFunc("GET /_sim/phone", phonePages(c).serve)
	mux.HandleFunc("POST /_sim/web_view", administer(c.OpenWebView))
	mux.HandleFunc("GET /_sim/web_view", c.webViewPage)
	mux.HandleFunc("POST /_sim/phone_codes", administer(c.mintCode(c.MintPhoneCode)))
	mux.HandleFunc("POST /_sim/oauth_codes", administer(c.mintOAuthCode))
	mux.HandleFunc("POST /_sim/apps", administer(c.addApp))
	mux.HandleFunc("POST /_sim/bind", administer(c.bind))
	mux.HandleFunc("POST /_sim/unbind", administer(c.unbind))
	mux.HandleFunc("POST /_sim/clock", administer(c.advance))
	mux.HandleFunc("POST /_sim/faults", administer(c.fail))
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		c.Heal()
		reply(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("POST /_sim/users", administer(c.setUser))
	mux.HandleFunc("POST /_sim/allow_list", administer(c.allowOnly))
	mux.HandleFunc("POST /_sim/variant", administer(c.setVariant))
	mux.HandleFunc("POST /_sim/push_settings", administer(c.setPush))
	mux.HandleFunc("POST /_sim/push", administer(c.Push))
	mux.HandleFunc("POST /_sim/encrypt", administer(c.Encrypt))
	mux.HandleFunc("GET /_sim/requests", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, c.Requests())
	})
	return mux
}

type empty struct{}

type codeRequest struct {
	AppID string `json:"appid"`
	User  string `json:"user"`
}

type codeReply struct {
	Code string `json:"code"`
}

func (c control) mintCode(mint func(appID, user string) (string, error)) func(codeRequest) (codeReply, error) {
	return func(request codeRequest) (codeReply, error) {
		text, err := mint(request.AppID, request.User)
		return codeReply{text}, err
	}
}

func (c control) mintOAuthCode(minted OAuthCode) (codeReply, error) {
	text, err := c.MintOAuthCode(minted)
	return codeReply{text}, err
}

func (c control) addApp(added App) (empty, error) { return empty{}, c.AddApp(added) }

type bindRequest struct {
	AppID        string `json:"appid"`
	OpenPlatform string `json:"open_platform"`
}

func (c control) bind(request bindRequest) (empty, error) {
	if request.OpenPlatform == "" {
		return empty{}, errors.New("open_platform: must not be empty")
	}
	return empty{}, c.Bind(request.AppID, request.OpenPlatform)
}

type unbindRequest struct {
	AppID string `json:"appid"`
}

func (c control) unbind(request unbindRequest) (empty, error) {
	return empty{}, c.Bind(request.AppID, "")
}

type clockRequest struct {
	Advance string `json:"advance"` // such as "5m" or "2h"
}

type clockReply struct {
	Now time.Time `json:"now"`
}

func (c control) advance(request clockRequest) (clockReply, error) {
	by, err := time.ParseDuration(request.Advance)
	if err != nil || by < 0 {
		return clockReply{}, errors.New(`advance: must be a duration such as "5m"`)
	}
	c.Advance(by)
	return clockReply{c.Now()}, nil
}

func (c control) fail(fault Fault) (empty, error) { return empty{}, c.Fail(fault) }

func (c control) setUser(user User) (empty, error) { return empty{}, c.SetUser(user) }

type allowListRequest struct {
	AppID     string       `json:"appid"`
	Addresses []netip.Addr `json:"addresses"`
}

func (c control) allowOnly(request allowListRequest) (empty, error) {
	return empty{}, c.AllowOnly(request.AppID, request.Addresses...)
}

func (c control) setVariant(variant Variant) (empty, error) {
	c.SetVariant(variant)
	return empty{}, nil
}

func (c control) setPush(settings PushSettings) (empty, error) { return empty{}, c.SetPush(settings) }

// administer turns a function into a handler with JSON bodies. Unknown members are rejected, so that a misspelt
// fault is not ignored.
func administer[Request, Reply any](do func(Request) (Reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		decoder.DisallowUnknownFields()
		var request Request
		err := decoder.Decode(&request)
		if err == nil && decoder.More() {
			err = errors.New("more than one JSON value")
		}
		if errors.Is(err, io.EOF) {
			err = errors.New("a JSON body is required")
		}
		if err != nil {
			writeAdminError(w, err)
			return
		}
		result, err := do(request)
		if err != nil {
			writeAdminError(w, err)
			return
		}
		reply(w, http.StatusOK, result)
	}
}

func writeAdminError(w http.ResponseWriter, err error) {
	reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
