package clients

import (
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/internal/pattern"
)

// maxURILength is in characters, which are all of one byte.
const maxURILength = 2048

// loopbackHosts are the hosts of the user's own machine, where http needs no certificate.
var loopbackHosts = []string{"127.0.0.1", "[::1]", "localhost"}

// responseParameters are the parameters that the server adds to a redirect URI (RFC 6749 §4.1.2, RFC 9207 §2).
var responseParameters = []string{"code", "state", "iss", "error", "error_description", "error_uri"}

var (
	// uriText is a path and query of the characters that RFC 3986 allows there. "*" is one, but a mistake.
	uriText = pattern.Lazy(`^[A-Za-z0-9\-._~:/?@!$&'()+,;=%]*$`)
	// hostName is a host as browsers send it, apart from IPv6 addresses. Browsers also send a dot that ends it.
	hostName = pattern.Lazy(`^[a-z0-9_-]+(\.[a-z0-9_-]+)*$`)
	// privateScheme is a domain in reverse, with at least one dot (RFC 8252 §7.1).
	privateScheme = pattern.Lazy(`^[a-z][a-z0-9-]*(\.[a-z0-9-]+)+$`)
	// ambiguousPath has a segment that some programs remove, or encodes a character that only some decode: a control
	// character, "%", ".", "/" or "\".
	ambiguousPath = pattern.Lazy(`//|/\.{1,2}(/|$)|%([01][0-9A-Fa-f]|25|2[EeFf]|5[Cc]|7[Ff])`)
	// controlCharacter is an encoded control character.
	controlCharacter = pattern.Lazy(`%([01][0-9A-Fa-f]|7[Ff])`)
)

// checkRedirectURI rejects a redirect URI that programs read in different ways, or that leads to where others than the
// client can read it.
func (c *checker) checkRedirectURI(field, uri string, confidential bool) {
	u, reason := parseURI(uri)
	switch {
	case reason != "":
	case u.Scheme == "https" || u.Scheme == "http":
		reason = checkWebURI(u)
	case !privateScheme().MatchString(u.Scheme):
		reason = "needs https, http on 127.0.0.1, [::1] or localhost, or the scheme of an app, which is a domain of " +
			"yours in reverse, such as com.example.app:/callback (RFC 8252 §7.1)"
	case confidential:
		reason = "has the scheme of an app, and the client is confidential: an app cannot keep a secret"
	case u.Host+u.Path == "" || u.Host != "" && !hostName().MatchString(u.Host):
		reason = "is not written like com.example.app:/callback"
	}
	if reason != "" {
		c.reject(field, "%.200q %s", uri, reason)
	}
}

// checkServerURI rejects a URI of a client's server to which this server sends neither requests nor users.
func (c *checker) checkServerURI(field, uri string) {
	u, reason := parseURI(uri)
	if reason == "" {
		reason = checkWebURI(u)
	}
	if reason != "" {
		c.reject(field, "%.200q %s", uri, reason)
	}
}

// parseURI parses an absolute URI. Otherwise it returns what is wrong with it, whatever its scheme is.
func parseURI(uri string) (u *url.URL, reason string) {
	const absolute = "is not an absolute URI, such as https://shop.example.com/callback"
	switch {
	case len(uri) > maxURILength:
		return nil, "has more than 2048 characters"
	case strings.Contains(uri, "#"):
		return nil, "has a fragment (RFC 6749 §3.1.2)"
	case strings.Contains(uri, "*"):
		return nil, "has a wildcard; list each URI"
	}
	u, err := url.Parse(uri)
	if err != nil || u.Scheme == "" || u.Opaque != "" {
		return nil, absolute
	}
	before := u.Scheme + ":"
	if u.Host != "" {
		before += "//" + u.Host
	}
	after, ok := strings.CutPrefix(uri, before)
	path, query, hasQuery := strings.Cut(after, "?")
	parameters, err := url.ParseQuery(query)
	isResponse := func(name string) bool { return parameters.Has(name) }
	switch {
	case u.User != nil:
		return nil, "has a user name"
	case !ok:
		return nil, "has a scheme or a host that is not in lowercase and ASCII"
	case !uriText().MatchString(after):
		return nil, "has characters that must be percent-encoded (RFC 3986 §2)"
	case ambiguousPath().MatchString(path):
		return nil, "has a path that programs read in different ways: it must not have a segment that is empty, " +
			"\".\" or \"..\", nor encode \".\", \"/\", \"\\\", \"%\" or control characters"
	case err != nil || hasQuery && query == "" || controlCharacter().MatchString(query):
		return nil, "has an empty or malformed query"
	case slices.ContainsFunc(responseParameters, isResponse):
		return nil, "has a parameter that the server adds: " + strings.Join(responseParameters, ", ")
	}
	return u, ""
}

// checkWebURI returns what is wrong with the scheme or the host of a URI on the web, or "".
func checkWebURI(u *url.URL) (reason string) {
	host := hostOf(u)
	switch {
	case u.Scheme != "https" && (u.Scheme != "http" || !slices.Contains(loopbackHosts, host)):
		return "needs https; http is only for " + strings.Join(loopbackHosts, ", ")
	case !ValidOrigin(u.Scheme+"://"+u.Host) || !strings.HasPrefix(host, "[") && !hostName().MatchString(host):
		return "has a host or port that is not written as browsers send it: in lowercase and ASCII, without a final " +
			"dot, without a default port, addresses in their usual form"
	}
	return ""
}

// hostOf returns the host of a URL without its port.
func hostOf(u *url.URL) string { return strings.TrimSuffix(u.Host, ":"+u.Port()) }

// DubiousRedirects describes redirect URIs that are valid, but most likely a mistake unless the client is being
// developed. It returns "" if there are none.
func DubiousRedirects(client identity.Client) string {
	var local, public []string
	for _, uri := range client.RedirectURIs {
		u, err := url.Parse(uri)
		switch {
		case err == nil && slices.Contains(loopbackHosts, hostOf(u)):
			local = append(local, uri)
		case err == nil && u.Scheme == "https":
			public = append(public, uri)
		}
	}
	switch {
	case client.Confidential && len(local) > 0 && len(local) == len(client.RedirectURIs):
		return "it is confidential, and all its redirect URIs are on the user's own machine, where no program can " +
			"keep a secret"
	case len(local) > 0 && len(public) > 0:
		return "any program on a user's machine can receive its codes at " + strings.Join(local, " and ")
	}
	return ""
}
