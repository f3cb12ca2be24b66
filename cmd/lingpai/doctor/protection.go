package doctor

import (
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql/pgurl"
)

const (
	unencrypted = "the connection may be unencrypted: others on the network could read the password and all data"
	unverified  = "the server's certificate is not verified: others could impersonate it"
)

// unprotected returns how others could read the connection to a server or impersonate it, or "" if they cannot or if
// the connection does not leave this machine.
func unprotected(server identity.Secret) string {
	if config, err := pgurl.Parse(server.Reveal()); err == nil {
		switch {
		case !pgurl.Encrypted(config):
			return unencrypted
		case !pgurl.Verified(config):
			return unverified
		}
		return ""
	}
	u, err := url.Parse(server.Reveal())
	switch {
	case err != nil || u.Host == "" || settings.IsLoopback(u.Hostname()):
		return ""
	case u.Scheme == "redis":
		return unencrypted
	case u.Query().Get("skip_verify") == "true":
		return unverified
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
