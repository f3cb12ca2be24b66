package wechattest

import (
	"io"
	"log"
	"net"
	"net/http"
	"time"
)

// TB is the part of *testing.T that Start needs. It keeps package testing out of programs
// that serve a simulator.
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, arguments ...any)
}

// A Server is a simulator that listens on loopback while a test runs.
type Server struct {
	*Simulator
	URL string // such as http://127.0.0.1:41234

	test TB
}

// Start serves a simulator until the test ends. It takes at most one Options.
func Start(test TB, options ...Options) *Server {
	test.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		test.Fatalf("simulator: %v", err)
	}
	var chosen Options
	if len(options) > 0 {
		chosen = options[0]
	}
	simulator := New(chosen)
	server := &http.Server{
		Handler:           simulator,
		ReadHeaderTimeout: 10 * time.Second,
		ErrorLog:          log.New(io.Discard, "", 0), // tests break connections on purpose
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = server.Serve(listener)
	}()
	test.Cleanup(func() {
		_ = server.Close()
		<-done
	})
	return &Server{Simulator: simulator, URL: "http://" + listener.Addr().String(), test: test}
}

// App adds an app, or fails the test, and returns the app.
func (s *Server) App(added App) App {
	s.test.Helper()
	if err := s.AddApp(added); err != nil {
		s.test.Fatalf("simulator: %v", err)
	}
	return added
}

// Code returns a login code, or fails the test.
func (s *Server) Code(appID, user string) string {
	s.test.Helper()
	text, err := s.MintCode(appID, user)
	if err != nil {
		s.test.Fatalf("simulator: %v", err)
	}
	return text
}

// PhoneCode returns a phone-number code, or fails the test.
func (s *Server) PhoneCode(appID, user string) string {
	s.test.Helper()
	text, err := s.MintPhoneCode(appID, user)
	if err != nil {
		s.test.Fatalf("simulator: %v", err)
	}
	return text
}

// OAuthCode returns a code of an app that is not a mini-program, or fails the test.
func (s *Server) OAuthCode(minted OAuthCode) string {
	s.test.Helper()
	text, err := s.MintOAuthCode(minted)
	if err != nil {
		s.test.Fatalf("simulator: %v", err)
	}
	return text
}

// Fault adds faults, or fails the test.
func (s *Server) Fault(faults ...Fault) {
	s.test.Helper()
	if err := s.Fail(faults...); err != nil {
		s.test.Fatalf("simulator: %v", err)
	}
}
