package clients

import (
	"slices"
	"strconv"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// maxRedirectURIs limits each list of redirect URIs of a client.
const maxRedirectURIs = 50

// MatchesRedirectURI reports whether the client has registered a redirect URI. URIs are compared byte for byte
// (RFC 9700 §4.1.3). Only the port of a public client's URI at 127.0.0.1 or [::1] may differ, since a program on the
// user's machine listens on any port that is free (RFC 8252 §7.3). localhost may be another machine (§8.3).
func (c Client) MatchesRedirectURI(uri string) bool {
	if slices.Contains(c.RedirectURIs, uri) {
		return true
	}
	requested, ok := withoutLoopbackPort(uri)
	return ok && !c.Confidential && slices.ContainsFunc(c.RedirectURIs, func(registered string) bool {
		registered, ok := withoutLoopbackPort(registered)
		return ok && registered == requested
	})
}

// withoutLoopbackPort returns an http URI at a loopback IP address without its port. It returns false for other URIs.
func withoutLoopbackPort(uri string) (string, bool) {
	for _, origin := range []string{"http://127.0.0.1", "http://[::1]"} {
		rest, ok := strings.CutPrefix(uri, origin)
		if !ok {
			continue
		}
		if after, ok := strings.CutPrefix(rest, ":"); ok {
			rest = strings.TrimLeft(after, "0123456789")
			if !validPort(strings.TrimSuffix(after, rest)) {
				return "", false
			}
		}
		return origin + rest, true
	}
	return "", false
}

// validPort reports whether a text is a port from 1 to 65535 as browsers write it.
func validPort(text string) bool {
	port, err := strconv.ParseUint(text, 10, 16)
	return err == nil && port > 0 && text == strconv.FormatUint(port, 10)
}

// checkRedirects rejects URIs to which the server must not send users or logout tokens, and what does not go together
// with them.
func (c *checker) checkRedirects(client identity.Client) {
	for _, list := range []struct {
		field string
		uris  []string
	}{
		{"redirect_uris", client.RedirectURIs}, {"post_logout_redirect_uris", client.PostLogoutRedirectURIs},
	} {
		if len(list.uris) > maxRedirectURIs {
			c.reject(list.field, "there are %d, and at most %d are allowed", len(list.uris), maxRedirectURIs)
		}
		for _, uri := range list.uris {
			c.checkRedirectURI(list.field, uri, client.Confidential)
		}
	}
	hasURIs := len(client.RedirectURIs) > 0
	switch {
	case client.Allows(oauth.GrantAuthorizationCode) && !hasURIs:
		c.reject("redirect_uris", "the grant authorization_code needs at least one: the page of the client to which "+
			"users return with a code")
	case !client.Allows(oauth.GrantAuthorizationCode) && hasURIs:
		c.reject("redirect_uris", "these need the grant authorization_code")
	}
	if len(client.PostLogoutRedirectURIs) > 0 && !hasURIs {
		c.reject("post_logout_redirect_uris", "these need redirect_uris: without them, no user signs in in a browser")
	}
	for _, single := range []struct{ field, uri string }{
		{"backchannel_logout_uri", client.BackchannelLogoutURI}, {"initiate_login_uri", client.InitiateLoginURI},
	} {
		if single.uri == "" {
			continue
		}
		c.checkServerURI(single.field, single.uri)
		if !hasURIs {
			c.reject(single.field, "needs redirect_uris: without them, no user signs in in a browser")
		}
	}
	if client.OptionalPKCE && !client.Confidential {
		c.reject("optional_pkce", "PKCE is required of a public client: nothing else proves that a code is its own "+
			"(RFC 9700 §2.1.1)")
	}
}
