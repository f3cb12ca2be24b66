package clients

import "slices"

// MatchesRedirectURI reports whether /authorize may send users of the client to a URI.
func (c Client) MatchesRedirectURI(uri string) bool { return slices.Contains(c.RedirectURIs, uri) }
