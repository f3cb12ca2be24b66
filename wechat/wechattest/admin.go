package wechattest

import (
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"time"
)

// adminRoutes is the table of what the real platform does not offer. All
// bodies are JSON; a mistake is answered with status 400 and {"error"}.
func (s *Simulator) adminRoutes() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /_sim/codes", administer(s.adminCodes(s.MintCode)))
	mux.HandleFunc("POST /_sim/phone_codes", administer(s.adminCodes(s.MintPhoneCode)))
	mux.HandleFunc("POST /_sim/oauth_codes", administer(s.adminOAuthCodes))
	mux.HandleFunc("POST /_sim/apps", administer(s.adminApps))
	mux.HandleFunc("POST /_sim/bind", administer(s.adminBind))
	mux.HandleFunc("POST /_sim/unbind", administer(s.adminUnbind))
	mux.HandleFunc("POST /_sim/clock", administer(s.adminClock))
	mux.HandleFunc("POST /_sim/faults", administer(s.adminFaults))
	mux.HandleFunc("DELETE /_sim/faults", func(w http.ResponseWriter, _ *http.Request) {
		s.Heal()
		reply(w, http.StatusOK, struct{}{})
	})
	mux.HandleFunc("POST /_sim/users", administer(s.adminUsers))
	mux.HandleFunc("POST /_sim/allow_list", administer(s.adminAllowList))
	mux.HandleFunc("POST /_sim/variant", administer(s.adminVariant))
	mux.HandleFunc("POST /_sim/encrypt", administer(s.Encrypt))
	mux.HandleFunc("GET /_sim/requests", func(w http.ResponseWriter, _ *http.Request) {
		reply(w, http.StatusOK, s.Requests())
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

func (s *Simulator) adminCodes(mint func(appID, user string) (string, error)) func(codeRequest) (codeReply, error) {
	return func(request codeRequest) (codeReply, error) {
		text, err := mint(request.AppID, request.User)
		return codeReply{text}, err
	}
}

func (s *Simulator) adminOAuthCodes(minted OAuthCode) (codeReply, error) {
	text, err := s.MintOAuthCode(minted)
	return codeReply{text}, err
}

func (s *Simulator) adminApps(added App) (empty, error) { return empty{}, s.AddApp(added) }

type bindRequest struct {
	AppID        string `json:"appid"`
	OpenPlatform string `json:"open_platform"`
}

func (s *Simulator) adminBind(request bindRequest) (empty, error) {
	if request.OpenPlatform == "" {
		return empty{}, errors.New("open_platform: must not be empty")
	}
	return empty{}, s.Bind(request.AppID, request.OpenPlatform)
}

type unbindRequest struct {
	AppID string `json:"appid"`
}

func (s *Simulator) adminUnbind(request unbindRequest) (empty, error) {
	return empty{}, s.Bind(request.AppID, "")
}

type clockRequest struct {
	Advance string `json:"advance"` // such as "5m" or "2h"
}

type clockReply struct {
	Now time.Time `json:"now"`
}

func (s *Simulator) adminClock(request clockRequest) (clockReply, error) {
	by, err := time.ParseDuration(request.Advance)
	if err != nil || by < 0 {
		return clockReply{}, errors.New(`advance: must be a duration such as "5m"`)
	}
	s.Advance(by)
	return clockReply{s.Now()}, nil
}

func (s *Simulator) adminFaults(fault Fault) (empty, error) { return empty{}, s.Fail(fault) }

func (s *Simulator) adminUsers(user User) (empty, error) { return empty{}, s.SetUser(user) }

type allowListRequest struct {
	AppID     string       `json:"appid"`
	Addresses []netip.Addr `json:"addresses"`
}

func (s *Simulator) adminAllowList(request allowListRequest) (empty, error) {
	return empty{}, s.AllowOnly(request.AppID, request.Addresses...)
}

func (s *Simulator) adminVariant(variant Variant) (empty, error) {
	s.SetVariant(variant)
	return empty{}, nil
}

// administer turns a function into a handler of JSON. Unknown members are
// refused, so that a misspelt fault does not pass for none.
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
			err = errors.New("a JSON body is needed")
		}
		if err != nil {
			refuseAdmin(w, err)
			return
		}
		result, err := do(request)
		if err != nil {
			refuseAdmin(w, err)
			return
		}
		reply(w, http.StatusOK, result)
	}
}

func refuseAdmin(w http.ResponseWriter, err error) {
	reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
