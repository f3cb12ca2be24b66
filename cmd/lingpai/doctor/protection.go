package doctor

import (
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
)

// unprotected is how others could listen on the way to a server, or pass for it; "" if they cannot, or if
// there is no way that leaves this machine.
func unprotected(server identity.Secret) string {
	u, err := url.Parse(server.Reveal())
	if err != nil || u.Host == "" || settings.IsLoopback(u.Hostname()) {
		return ""
	}
	mode := u.Query().Get("sslmode")
	switch {
	case u.Scheme == "redis", mode == "disable", mode == "allow", mode == "prefer":
		return "the connection is not encrypted for certain: others on the network could read the password and all else"
	case u.Query().Get("skip_verify") == "true", mode == "require":
		return "the server's certificate is not checked: others could pass for it"
	}
	return ""
}

// warnUnprotected warns of an open way to a server. advice is how to close it.
func (r *report) warnUnprotected(server identity.Secret, advice string) {
	if how := unprotected(server); how != "" {
		r.warning(how, strings.TrimSpace(advice)+
			"; on a private network that nobody else is on, leave it as it is")
	}
}
