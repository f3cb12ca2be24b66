package tokens

import (
	"cmp"
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Target is what an access token is for: its audiences, and the part of the granted scope that it has there. A token
// is for APIs or for this server, so that an API cannot use at this server a token that it received.
type Target struct {
	Audience Audience
	Scope    string
}

// TargetRequest is what a request names, and what it may name.
type TargetRequest struct {
	Client    identity.Client
	Granted   string   // the scope of the session
	Scope     string   // the part of Granted that the request names; "" if it names none
	Resources []string // identity.Session.Resources
	Resource  string   // the resource that the request names (RFC 8707 §2); "" if it names none
	Legacy    bool     // the client is still served by the rule for LegacyAudienceUntil
}

var (
	errResource = oauth.NewError(oauth.InvalidTarget, "resource must be an absolute URI without a fragment, at most "+
		"2048 characters (RFC 8707 2).")
	errNotGranted = oauth.NewError(oauth.InvalidTarget, "The client may not request tokens for this resource: it is "+
		"not one of the client's audiences, or was not granted at the sign-in. Audiences are compared byte for byte.")
	errNotServed = oauth.NewError(oauth.InvalidScope, "The resource serves none of the requested scopes: account, "+
		"phone and the scopes of WeChat are only for this server, profile, email and address only for requests that "+
		"name no resource, and all others only for APIs.")
)

const maxResourceLength = 2048

// Target decides what an access token is for:
//   - without a resource, for the client's APIs, or for those that the sign-in named. Scopes that only this server
//     serves are left out. If there is no other scope, or if the client has no API, the token is for this server,
//   - with this server's issuer as the resource, for this server, with the scopes that only it serves, and openid,
//   - with one of the APIs, for that one, without the scopes about the user's identity.
//
// It returns oauth.InvalidTarget if the resource is malformed or the client may not have tokens for it, and
// oauth.InvalidScope if the resource serves none of the scopes that the request names.
func (i *Issuer) Target(r TargetRequest) (Target, error) {
	scopes := strings.Fields(cmp.Or(r.Scope, r.Granted))
	apis := i.apis(r)
	resource := r.Resource
	switch {
	case resource != "" && !validResource(resource):
		return Target{}, errResource
	case resource == "" && r.Legacy && r.Resources == nil:
		return i.legacyTarget(apis, scopes), nil
	case resource == "" && r.Resources == nil && len(apis) == 0:
		return Target{Audience{i.config.Issuer}, strings.Join(scopes, " ")}, nil
	case resource == "" && (onlyServedHere(scopes) || slices.Contains(r.Resources, i.config.Issuer) && len(apis) == 0):
		resource = i.config.Issuer
	}
	switch {
	case resource == i.config.Issuer && i.mayHaveIssuer(r, apis):
		return served(r, Audience{resource}, scopes, func(name string) bool {
			return name == oauth.ScopeOpenID || oauth.ServedHere(name)
		})
	case resource != "" && slices.Contains(apis, resource):
		apis = []string{resource}
	case resource != "" || len(apis) == 0:
		return Target{}, errNotGranted
	}
	named := r.Resource != "" || r.Resources != nil
	return served(r, apis, scopes, func(name string) bool {
		return !oauth.ServedHere(name) && !(named && oauth.AboutIdentity(name))
	})
}

// apis returns the APIs that tokens may be for: the client's, or those of them that the sign-in named. The issuer is
// none, even if the client's record lists it.
func (i *Issuer) apis(r TargetRequest) []string {
	var apis []string
	for _, audience := range r.Client.Audience {
		if audience != i.config.Issuer && (r.Resources == nil || slices.Contains(r.Resources, audience)) {
			apis = append(apis, audience)
		}
	}
	return apis
}

// mayHaveIssuer reports whether tokens for this server were granted: if the sign-in named it, or if it named nothing
// and the client is a first-party client, has no API, has this server in its record, or was granted a scope that only
// this server serves.
func (i *Issuer) mayHaveIssuer(r TargetRequest, apis []string) bool {
	if r.Resources != nil {
		return slices.Contains(r.Resources, i.config.Issuer)
	}
	return r.Client.FirstParty || len(apis) == 0 || slices.Contains(r.Client.Audience, i.config.Issuer) ||
		slices.ContainsFunc(strings.Fields(r.Granted), oauth.ServedHere)
}

// legacyTarget is the rule for identity.Client.LegacyAudienceUntil: one token for the client's APIs and this server.
func (i *Issuer) legacyTarget(apis, scopes []string) Target {
	audience := slices.Clone(apis)
	if len(apis) == 0 || slices.ContainsFunc(scopes, oauth.ServedHere) {
		audience = append(audience, i.config.Issuer)
	}
	return Target{audience, strings.Join(scopes, " ")}
}

// served returns the target with the scopes that the audience serves. It returns an error if the request named scopes
// and would get none of them, unless it gets an ID token.
func served(r TargetRequest, audience Audience, scopes []string, serves func(name string) bool) (Target, error) {
	kept := slices.DeleteFunc(slices.Clone(scopes), func(name string) bool { return !serves(name) })
	if r.Scope != "" && len(kept) == 0 && !slices.Contains(scopes, oauth.ScopeOpenID) {
		return Target{}, errNotServed
	}
	return Target{audience, strings.Join(kept, " ")}, nil
}

// onlyServedHere reports whether all scopes but offline_access are served by this server only, and there is one.
func onlyServedHere(scopes []string) bool {
	return slices.ContainsFunc(scopes, oauth.ServedHere) && !slices.ContainsFunc(scopes, func(name string) bool {
		return !oauth.ServedHere(name) && name != oauth.ScopeOfflineAccess
	})
}

// validResource reports whether a text is an absolute URI without a fragment (RFC 8707 §2).
func validResource(text string) bool {
	if len(text) > maxResourceLength || strings.Contains(text, "#") || !oauth.Visible(text) {
		return false
	}
	uri, err := url.Parse(text)
	return err == nil && uri.IsAbs() && (uri.Host != "" || uri.Opaque != "" || uri.Path != "")
}
