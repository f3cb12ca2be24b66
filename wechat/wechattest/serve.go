package wechattest

import (
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
)

// maxRequest limits the body of any request, in bytes.
const maxRequest = 64 << 10

// An endpoint answers one call. It runs with the mutex held.
type endpoint func(call) *answer

// A call is a parsed request.
type call struct {
	method      string
	path        string
	host        string // by which the simulator was called
	query       url.Values
	contentType string
	body        []byte
	remote      netip.Addr
}

func (s *Simulator) routes() map[string]endpoint {
	return map[string]endpoint{
		"/sns/jscode2session":              s.codeToSession,
		"/sns/oauth2/access_token":         s.oauthToken,
		"/sns/userinfo":                    s.userInfo,
		"/cgi-bin/token":                   s.classicToken,
		"/cgi-bin/stable_token":            s.stableToken,
		"/wxa/business/getuserphonenumber": s.phoneNumber,
		"/wxa/business/checkencryptedmsg":  s.checkEncryptedMessage,
		"/wxa/checksession":                s.checkSession,
		"/wxa/getwxacodeunlimit":           s.unlimitedCode,
		"/wxa/generatescheme":              s.urlScheme,
		"/wxa/generate_urllink":            s.urlLink,
		"/wxa/resetusersessionkey":         s.resetSessionKey,
	}
}

// pages returns the pages for browsers. The page at /connect/phone is the simulator's own.
func (s *Simulator) pages() *http.ServeMux {
	pages, mux := connectPages{s.platform, s.oauthLogins}, http.NewServeMux()
	mux.HandleFunc("/connect/qrconnect", pages.website)
	mux.HandleFunc("/connect/oauth2/authorize", pages.officialAccount)
	mux.HandleFunc("/connect/phone", pages.phone)
	return mux
}

// ServeHTTP answers like WeChat, or with the faults that were requested. Paths under /_sim/
// are the simulator's own, and those under /connect/ are pages of open.weixin.qq.com.
func (s *Simulator) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, "/_sim/") {
		s.admin.ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, "/connect/") {
		r.Body = http.MaxBytesReader(w, r.Body, maxRequest)
		s.connect.ServeHTTP(w, r)
		return
	}
	if strings.HasPrefix(r.URL.Path, linkPath) {
		serveLink(w, r)
		return
	}
	serve, known := s.endpoints[r.URL.Path]
	if !known {
		http.NotFound(w, r)
		return
	}
	received, err := readCall(w, r)
	if err != nil {
		http.Error(w, "request too large or cut off", http.StatusBadRequest)
		return
	}
	s.count(received)
	if fault, pending := s.nextFault(received.path); pending {
		s.serveFault(w, r, fault, func() response { return s.run(serve, received) })
		return
	}
	answered := s.run(serve, received)
	w.Header().Set("Content-Type", answered.contentType)
	_, _ = w.Write(answered.body)
}

func (s *Simulator) run(serve endpoint, received call) response {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	answered := serve(received)
	if answered.picture != nil {
		return *answered.picture
	}
	return response{contentType(received.path), s.encode(answered)}
}

func readCall(w http.ResponseWriter, r *http.Request) (call, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxRequest))
	if err != nil {
		return call{}, err
	}
	remote, _ := netip.ParseAddrPort(r.RemoteAddr)
	return call{
		method:      r.Method,
		path:        r.URL.Path,
		host:        r.Host,
		query:       r.URL.Query(),
		contentType: r.Header.Get("Content-Type"),
		body:        body,
		remote:      remote.Addr().Unmap(),
	}, nil
}

// contentType returns the Content-Type of WeChat's JSON, as observed.
func contentType(path string) string {
	if strings.HasPrefix(path, "/sns/") {
		return "text/plain"
	}
	return "application/json; encoding=utf-8"
}
