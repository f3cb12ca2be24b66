package authorize

import (
	"encoding/json"
	"net/url"
	"slices"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

const (
	maxClaims      = 4 << 10 // bytes of the parameter claims
	maxClaimsDepth = 4       // objects and arrays in each other, as in {"id_token":{"acr":{"values":[]}}}
)

var errClaims = invalid("claims must be a JSON object of at most 4096 bytes as in OpenID Connect Core 5.5, without " +
	"repeated members, in which objects and arrays are at most four deep.")

// readClaims reads which claims the client requests one by one (OpenID Connect Core §5.5). It ignores claims that this
// server does not know, and those whose scope the client is not registered for. Whether a claim is essential makes no
// difference but for acr: users may leave out what they like. Nothing follows from a voluntary acr, nor from
// acr_values, as long as browsers have one way to sign in.
func readClaims(r *Request, form url.Values) error {
	text := form.Get("claims")
	switch {
	case len(text) > maxClaims:
		return errClaims
	case text == "" || !oauth.HasScope(r.Scope, oauth.ScopeOpenID):
		return nil
	}
	members, err := parseClaims(text)
	if err != nil {
		return err
	}
	if r.Claims.IDToken, err = r.requested(members, "id_token"); err != nil {
		return err
	}
	r.Claims.UserInfo, err = r.requested(members, "userinfo")
	return err
}

// requested returns the known claims of a member, sorted.
func (r *Request) requested(members map[string]any, name string) ([]string, error) {
	requests, err := object(members, name)
	if err != nil {
		return nil, err
	}
	var claims []string
	for claim := range requests {
		known := slices.Contains(r.Client.Scopes, oauth.ClaimScope(claim))
		if !known && claim != "sub" && claim != "acr" {
			continue
		}
		wanted, err := newClaimRequest(requests, claim)
		switch {
		case err != nil:
			return nil, err
		case claim == "sub" && wanted.values != nil:
			r.limitTo(wanted.values)
		case claim == "acr" && wanted.values != nil && wanted.essential && name == "id_token":
			r.classes = texts(wanted.values)
		case known:
			claims = append(claims, claim)
		}
	}
	slices.Sort(claims)
	return claims, nil
}

var errACR = oauth.NewError(oauth.UnmetAuthenticationRequirements, "claims requires an acr that no sign-in in a "+
	"browser has.")

// attainable refuses a request that no sign-in in a browser could satisfy, before anybody signs in for nothing (OpenID
// Connect Core §5.5.1.1).
func attainable(r Request, classes identity.ContextClasses, methods []string) error {
	if slices.ContainsFunc(methods, func(method string) bool { return r.accepts(classes[method]) }) {
		return nil
	}
	return errACR
}

// limitTo lets the request be answered for some users only. If both members name users, they must be in both.
func (r *Request) limitTo(values []any) {
	r.subjects = slices.DeleteFunc(texts(values), func(subject string) bool { return !r.mayBeAbout(subject) })
}

// texts returns the strings among the values, and never nil.
func texts(values []any) []string {
	found := []string{}
	for _, value := range values {
		if text, ok := value.(string); ok {
			found = append(found, text)
		}
	}
	return found
}

// claimRequest is how one claim is requested (OpenID Connect Core §5.5.1).
type claimRequest struct {
	essential bool
	values    []any // of which the claim must have one; nil: any
}

func newClaimRequest(requests map[string]any, claim string) (c claimRequest, err error) {
	members, err := object(requests, claim)
	if err != nil {
		return c, err
	}
	essential, isBool := members["essential"].(bool)
	value, hasValue := members["value"]
	list, hasValues := members["values"]
	values, isList := list.([]any)
	if members["essential"] != nil && !isBool || hasValues && (!isList || hasValue) {
		return c, errClaims
	}
	if hasValue {
		values = []any{value}
	}
	return claimRequest{essential, values}, nil
}

// object returns a member that is an object, or empty if it is absent or null.
func object(members map[string]any, name string) (map[string]any, error) {
	found, ok := members[name].(map[string]any)
	if !ok && members[name] != nil {
		return nil, errClaims
	}
	return found, nil
}

// parseClaims parses a JSON object.
func parseClaims(text string) (members map[string]any, err error) {
	if !identity.UnambiguousJSON([]byte(text), maxClaimsDepth) || json.Unmarshal([]byte(text), &members) != nil ||
		members == nil {
		return nil, errClaims
	}
	return members, nil
}
