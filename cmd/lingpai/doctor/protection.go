package doctor

import (
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
)

// unprotected returns how others could read the connection to a server or impersonate it, or "" if they cannot or if
// the connection does not leave this machine.
func unprotected(server identity.Secret) string {
	u, err := url.Parse(server.Reveal())
	if err != nil || u.Host == "" || settings.IsLoopback(u.Hostname()) {
		return ""
	}
	mode := u.Query().Get("sslmode")
	switch {
	case u.Scheme == "redis", mode == "disable", mode == "allow", mode == "prefer":
		return "the connection may be unencrypted: others on the network could read the password and all data"
	case u.Query().Get("skip_verify") == "true", mode == "require":
		return "the server's certificate is not verified: others could impersonate it"
	}
	return ""
}

// warnUnprotected warns about an unprotected connection to a server. advice is how to protect it.
func (r *report) warnUnprotected(server identity.Secret, advice string) {
	if how := unprotected(server); how != "" {
		r.warning(how, strings.TrimSpace(advice)+
			"; on a private network that nobody else uses, leave it as it is")
	}
}
