package grants

import (
	"net/http"
	"strings"
	"unicode"

	"github.com/go-oauth2/oauth2/v4"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Request is a token request of a client that has been authenticated and may use the grant.
type Request struct {
	Client  identity.Client
	Scope   string // that the client may have; for a refresh as it was asked for
	Key     string // of the Idempotency-Key header; empty: none
	Address string // of the caller, as the server believes it
	Device  string // what the caller says of itself

	form map[string][]string
}

// Parameter returns a form parameter, or "". The provider refuses repeated and empty ones.
func (r Request) Parameter(name string) string {
	if values := r.form[name]; len(values) > 0 {
		return values[0]
	}
	return ""
}

const (
	minKeyLength    = 22 // 128 random bits in base64url
	maxKeyLength    = 128
	maxDeviceLength = 128
)

// newRequest reads what is common to all grants.
func newRequest(tgr *oauth2.TokenGenerateRequest) (Request, error) {
	request := Request{
		Address: tgr.Request.RemoteAddr,
		Device:  deviceLabel(tgr.Request.UserAgent()),
		form:    tgr.Request.PostForm,
	}
	var err error
	request.Key, err = idempotencyKey(tgr.Request.Header)
	return request, err
}

// idempotencyKey returns the Idempotency-Key, or "" when there is none. Its randomness cannot be seen, but
// its length can.
func idempotencyKey(header http.Header) (string, error) {
	keys := header.Values("Idempotency-Key")
	if len(keys) == 0 {
		return "", nil
	}
	key := keys[0]
	if len(keys) > 1 || len(key) < minKeyLength || len(key) > maxKeyLength || strings.ContainsFunc(key, notVisible) {
		return "", oauth.NewError(oauth.InvalidRequest,
			"Idempotency-Key must be sent once and have 22 to 128 visible ASCII "+
				"characters (at least 128 random bits).")
	}
	return key, nil
}

func notVisible(r rune) bool { return r < '!' || r > '~' }

// deviceLabel keeps what a person can recognise of a User-Agent.
func deviceLabel(userAgent string) string {
	label := strings.ToValidUTF8(userAgent, "")
	label = strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return -1
	}, label)
	if len(label) > maxDeviceLength {
		label = strings.ToValidUTF8(label[:maxDeviceLength], "")
	}
	return label
}
