package grants

import (
	"github.com/go-oauth2/oauth2/v4"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/idempotency"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/tokens"
)

// request is a token request of a client that has been authenticated and may use the grant.
type request struct {
	Client     clients.Client
	Parameters oauth.Parameters
	Scope      string        // what the client may have; for a refresh or an exchange the "scope" parameter
	Resource   string        // the "resource" parameter (RFC 8707 §2); "" if there is none
	Target     tokens.Target // of the access token of a sign-in
	Key        string        // the Idempotency-Key header; "" if there is none
	Address    string        // the caller's IP address, as reported by a trusted proxy if there is one
	Device     string        // from the User-Agent header
}

// target returns the target that the request names. scope is the part of the granted scope that it requests.
func (r request) target(granted, scope string) tokens.TargetRequest {
	target := tokens.TargetRequest{Client: r.Client.Client, Granted: granted, Resource: r.Resource}
	if r.Parameters.Get("scope") != "" {
		target.Scope = scope
	}
	return target
}

// signIn returns the request in the form that package signin needs.
func (r request) signIn() signin.Request {
	return signin.Request{
		Client: r.Client, Address: r.Address, Device: r.Device,
		RestoreAccount: r.Parameters.Get("restore_account") == "true",
	}
}

// newRequest reads the parts of a request that are common to all grants.
func newRequest(tgr *oauth2.TokenGenerateRequest) (request, error) {
	r := request{
		Address:    tgr.Request.RemoteAddr,
		Device:     signin.DeviceLabel(tgr.Request.UserAgent()),
		Parameters: oauth.Parameters(tgr.Request.PostForm),
	}
	var err error
	r.Key, err = idempotency.Key(tgr.Request.Header.Values(idempotency.Header))
	return r, err
}
