package clients

import (
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"golang.org/x/net/idna"

	"github.com/lingpai/lingpai/internal/pattern"
	"github.com/lingpai/lingpai/oauth"
)

// hosts converts names as browsers do (UTS 46, non-transitional).
var hosts = idna.New(idna.MapForLookup(), idna.Transitional(false), idna.StrictDomainName(false))

// defaultPorts has the schemes of the web.
var defaultPorts = map[string]string{"https": ":443", "http": ":80"}

// CanonicalOrigin returns the origin of a web page as browsers send it: with a host in lowercase and ASCII, and without
// the default port. It returns any other text, valid or not, unchanged.
func CanonicalOrigin(origin string) string {
	u, err := url.Parse(origin)
	if err != nil || defaultPorts[u.Scheme] == "" || !strings.EqualFold(origin, u.Scheme+"://"+u.Host) {
		return origin
	}
	if canonical, err := webOrigin(u); err == nil {
		return canonical
	}
	return origin
}

// webOrigin returns the origin of an http or https URL.
func webOrigin(u *url.URL) (string, error) {
	ascii, err := hosts.ToASCII(u.Hostname())
	host := strings.Replace(u.Host, u.Hostname(), ascii, 1)
	return u.Scheme + "://" + strings.TrimSuffix(host, defaultPorts[u.Scheme]), err
}

// ValidOrigin reports whether a text is an origin exactly as browsers send it (RFC 6454 §6.2), because origins are
// compared as strings. Besides pages of the web, apps and extensions of browsers have origins, such as
// capacitor://localhost and chrome-extension://ID; they have no domain.
func ValidOrigin(origin string) bool {
	u, err := url.Parse(origin)
	if err != nil || u.Hostname() == "" || !oauth.Visible(u.Host) || strings.Contains(u.Host, "*") ||
		strings.HasSuffix(u.Host, ":") || origin != u.Scheme+"://"+u.Host {
		return false
	}
	if defaultPorts[u.Scheme] != "" {
		canonical, err := webOrigin(u)
		return err == nil && origin == canonical && plainAddress(u.Hostname()) &&
			(u.Port() == "" || validPort(u.Port()))
	}
	return !slices.Contains([]string{"file", "ftp", "ws", "wss"}, u.Scheme) && !strings.Contains(u.Host, ".")
}

// endsInNumber matches a host that browsers parse as an IPv4 address (WHATWG URL §3.5), such as 127.1 and 0x7f000001.
var endsInNumber = pattern.Lazy(`(^|\.)([0-9]+|0x[0-9a-f]*)\.?$`)

// plainAddress reports whether a host is a name, or an IP address as browsers write it.
func plainAddress(host string) bool {
	if !strings.Contains(host, ":") && !endsInNumber().MatchString(host) {
		return true
	}
	address, err := netip.ParseAddr(host)
	return err == nil && address.String() == host && !address.Is4In6()
}
