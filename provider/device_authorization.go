package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/provider/browser"
)

// deviceAuthorizationEndpoint is RFC 8628 §3.1: a device without a browser asks for the code that its user enters in a
// browser elsewhere.
type deviceAuthorizationEndpoint struct {
	issuer  string
	clients *clients.Registry
	devices *authorize.Devices
}

// deviceAuthorization is the answer (RFC 8628 §3.2).
type deviceAuthorization struct {
	DeviceCode              string `json:"device_code"`
	UserCode                string `json:"user_code"`
	VerificationURI         string `json:"verification_uri"`
	VerificationURIComplete string `json:"verification_uri_complete"`
	ExpiresIn               int64  `json:"expires_in"` // seconds
	Interval                int64  `json:"interval"`   // seconds
}

func (e deviceAuthorizationEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	client, err := sender(e.clients, r)
	if err != nil {
		return err
	}
	started, err := e.devices.Start(r.Context(), client, r.RemoteAddr, r.UserAgent(), r.PostForm)
	if err != nil {
		return err
	}
	uri := e.issuer + browser.DevicePath
	writeJSON(w, http.StatusOK, deviceAuthorization{DeviceCode: started.DeviceCode, UserCode: started.UserCode,
		VerificationURI: uri, VerificationURIComplete: uri + "?user_code=" + started.UserCode,
		ExpiresIn: int64(started.Lifetime.Seconds()), Interval: int64(started.Interval.Seconds())})
	return nil
}
