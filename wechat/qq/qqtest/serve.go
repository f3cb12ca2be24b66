package qqtest

import (
	"encoding/json"
	"net/http"
	"net/url"
)

// maxRequest limits the body of any request, in bytes.
const maxRequest = 64 << 10

func (s *Simulator) table() *http.ServeMux {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /sns/jscode2session", s.serveLogin)
	mux.HandleFunc("POST /_sim/apps", administer(func(app App) (struct{}, error) { return struct{}{}, s.AddApp(app) }))
	mux.HandleFunc("POST /_sim/faults", administer(func(fault Fault) (struct{}, error) {
		return struct{}{},
			s.Fail(fault)
	}))
	mux.HandleFunc("POST /_sim/codes", administer(func(asked codeRequest) (codeReply, error) {
		text, err := s.MintCode(asked.AppID, asked.User)
		return codeReply{text}, err
	}))
	return mux
}

type codeRequest struct {
	AppID string `json:"appid"`
	User  string `json:"user"`
}

type codeReply struct {
	Code string `json:"code"`
}

// ServeHTTP answers like QQ, or with the faults that were requested. Paths under /_sim/ are
// the simulator's own.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.routes.ServeHTTP(w, r) }

func (s *Simulator) serveLogin(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if asked, known := s.codes[query.Get("js_code")]; known {
		asked.asked++
	}
	fault := s.nextFault()
	switch {
	case fault.Status != 0:
		w.WriteHeader(fault.Status)
	case fault.Errcode != 0:
		reply(w, http.StatusOK, refusal(fault.Errcode))
	default:
		reply(w, http.StatusOK, s.logIn(query))
	}
}

// nextFault returns the next fault, or the zero Fault if there is none.
func (s *Simulator) nextFault() Fault {
	if len(s.faults) == 0 {
		return Fault{}
	}
	fault := s.faults[0]
	if s.faults[0].Count--; s.faults[0].Count <= 0 {
		s.faults = s.faults[1:]
	}
	return fault
}

// logIn checks parameters in WeChat's order; QQ's is not known. For invalid codes QQ
// documents only 40029.
func (s *Simulator) logIn(query url.Values) map[string]any {
	app, known := s.apps[query.Get("appid")]
	login, minted := s.codes[query.Get("js_code")]
	switch {
	case query.Get("appid") == "":
		return refusal(41002)
	case query.Get("secret") == "":
		return refusal(41004)
	case query.Get("js_code") == "":
		return refusal(41008)
	case !known:
		return refusal(40013)
	case query.Get("secret") != app.Secret:
		return refusal(40125)
	case query.Get("grant_type") != "authorization_code":
		return refusal(40002)
	case !minted || login.appID != app.AppID || login.used || !s.options.Now().Before(login.expires):
		return refusal(40029)
	}
	login.used = true
	members := map[string]any{"errcode": 0, "errmsg": "", "openid": OpenID(app.AppID, login.user),
		"session_key": sessionKey()}
	if app.Union != "" {
		members["unionid"] = UnionID(app.Union, login.user)
	}
	return members
}

func refusal(errcode int) map[string]any {
	return map[string]any{"errcode": errcode, "errmsg": "simulated failure"}
}

// administer turns a function into a handler with JSON bodies. Unknown members are rejected, so that a misspelt
// fault is not ignored.
func administer[Request, Reply any](do func(Request) (Reply, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequest))
		decoder.DisallowUnknownFields()
		var request Request
		var result Reply
		err := decoder.Decode(&request)
		if err == nil {
			result, err = do(request)
		}
		if err != nil {
			reply(w, http.StatusBadRequest, map[string]string{"error": err.Error()})
			return
		}
		reply(w, http.StatusOK, result)
	}
}

func reply(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body)
}
