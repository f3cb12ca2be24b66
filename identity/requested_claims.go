package identity

import (
	"slices"
	"strings"
)

// RequestedClaims are the names of claims about a user that a client requests one by one, besides those that the scope
// covers (OpenID Connect Core §5.5).
type RequestedClaims struct {
	IDToken  []string // sorted, without duplicates
	UserInfo []string // sorted, without duplicates
}

// String returns the claims as text for sessions and codes. It has each claim once, with where it was requested, such
// as "address:iu email:i name:u"; "" for none.
func (r RequestedClaims) String() string {
	var texts []string
	for _, name := range slices.Compact(slices.Sorted(slices.Values(slices.Concat(r.IDToken, r.UserInfo)))) {
		text := name + ":"
		if slices.Contains(r.IDToken, name) {
			text += "i"
		}
		if slices.Contains(r.UserInfo, name) {
			text += "u"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " ")
}

// ParseRequestedClaims is the inverse of [RequestedClaims.String].
func ParseRequestedClaims(text string) (r RequestedClaims) {
	for each := range strings.FieldsSeq(text) {
		name, where, _ := strings.Cut(each, ":")
		if strings.Contains(where, "i") {
			r.IDToken = append(r.IDToken, name)
		}
		if strings.Contains(where, "u") {
			r.UserInfo = append(r.UserInfo, name)
		}
	}
	return r
}
