package provider

import (
	"net/http"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/clients"
)

// pushedRequestEndpoint is RFC 9126: a client sends an authorization request here, and the browser takes only a
// reference to it to the authorization endpoint.
type pushedRequestEndpoint struct {
	clients   *clients.Registry
	authorize *authorize.Service
}

// sender reads the form of a request, and authenticates the client that sent it.
func sender(registry *clients.Registry, r *http.Request) (clients.Client, error) {
	if err := readForm(r); err != nil {
		return clients.Client{}, err
	}
	client, err := registry.Authenticate(r.Context(), r)
	if err != nil {
		return client, err
	}
	return client, client.CheckOrigin(r.Header)
}

// pushedRequest is the answer (RFC 9126 §2.2).
type pushedRequest struct {
	RequestURI string `json:"request_uri"`
	ExpiresIn  int64  `json:"expires_in"` // seconds
}

func (e pushedRequestEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	client, err := sender(e.clients, r)
	if err != nil {
		return err
	}
	uri, err := e.authorize.Push(r.Context(), client, r.RemoteAddr, r.PostForm)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, pushedRequest{uri, int64(authorize.PushedLifetime.Seconds())})
	return nil
}
