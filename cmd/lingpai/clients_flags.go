package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// The values of --consent, --pkce and --par: the default and the other one.
var (
	consentNames = [2]string{"first-time", "always"}
	pkceNames    = [2]string{"required", "optional"}
	parNames     = [2]string{"optional", "required"}
)

// addClientFlags adds the flags for the fields of a client's record to a command.
func addClientFlags(cmd *cobra.Command, client *identity.Client) {
	defineClientFlags(cmd.Flags(), client)
	limitChoices(cmd, "grant", oauth.GrantTypes()...)
	completeFlag(cmd, "app", appCandidates)
	limitChoices(cmd, "consent", consentNames[:]...)
	limitChoices(cmd, "pkce", pkceNames[:]...)
	limitChoices(cmd, "par", parNames[:]...)
}

// defineClientFlags defines the flags for the fields of a client's record, with the present values as the defaults.
func defineClientFlags(flags *pflag.FlagSet, client *identity.Client) {
	flags.StringVar(&client.Name, "name", client.Name, "display name")
	flags.BoolVar(&client.FirstParty, "first-party", client.FirstParty,
		"the client is your own; only first-party clients may have the grant password and the scope account")
	flags.StringArrayVar(&client.Grants, "grant", client.Grants,
		"allowed grant type: "+strings.Join(oauth.GrantTypes(), ", ")+" (repeatable)")
	flags.StringArrayVar(&client.Scopes, "scope", client.Scopes, "allowed scope (repeatable)")
	flags.StringArrayVar(&client.DefaultScopes, "default-scope", client.DefaultScopes,
		"scope that is granted when a request names none (repeatable)")
	flags.StringArrayVar(&client.Audience, "audience", client.Audience,
		"an API that the client's access tokens are for, their \"aud\" (repeatable; none: only this server)")
	flags.StringArrayVar(&client.IsAudience, "is-audience", client.IsAudience,
		"for the confidential client of an API: the API's audience; it may introspect tokens for that (repeatable)")
	flags.StringArrayVar(&client.Apps, "app", client.Apps, "AppID whose codes the client may exchange (repeatable)")
	flags.StringArrayVar(&client.Origins, "origin", client.Origins,
		"web origin whose scripts may call the endpoints (CORS), such as https://shop.example.com (repeatable)")
	flags.StringArrayVar(&client.RedirectURIs, "redirect-uri", client.RedirectURIs, "where users return with a code "+
		"when they have signed in, for the grant authorization_code; compared byte for byte (repeatable)")
	flags.StringArrayVar(&client.PostLogoutRedirectURIs, "post-logout-redirect-uri", client.PostLogoutRedirectURIs,
		"where users may return when they have signed out (repeatable)")
	flags.StringVar(&client.BackchannelLogoutURI, "backchannel-logout-uri", client.BackchannelLogoutURI,
		"where the client's server receives a logout token when a session ends that began in a browser")
	flags.StringVar(&client.InitiateLoginURI, "initiate-login-uri", client.InitiateLoginURI, "page of the client "+
		"that begins a sign-in (OpenID Connect Core 4), to which a web-view is sent with a mini-program's session")
	flags.Var(namedBool{&client.AlwaysConsent, consentNames}, "consent",
		"when users who sign in in a browser are asked for consent: "+strings.Join(consentNames[:], ", "))
	flags.Var(namedBool{&client.OptionalPKCE, pkceNames}, "pkce", "whether authorization requests have a "+
		"code_challenge (RFC 7636): "+strings.Join(pkceNames[:], ", ")+" (for a confidential client whose library "+
		"sends none)")
	flags.Var(namedBool{&client.RequirePAR, parNames}, "par", "whether authorization requests are pushed to /par "+
		"first (RFC 9126): "+strings.Join(parNames[:], ", "))
	flags.StringVar(&client.JWKSURI, "jwks-uri", client.JWKSURI, "where the client's server publishes the public keys "+
		"with which it authenticates instead of with a secret (private_key_jwt)")
	flags.Var(&fileContent{target: &client.JWKS}, "jwks-file", "file with these public keys, a JSON Web Key Set "+
		"(RFC 7517), instead of --jwks-uri")
	flags.BoolVar(&client.RefreshKeys, "refresh-keys", client.RefreshKeys, "every refresh has an Idempotency-Key, a "+
		"random one for each refresh token, as the SDK sends them (default: true for a public client of mini-programs "+
		"that may refresh)")
	flags.BoolVar(&client.WechatClaims, "wechat-claims", client.WechatClaims,
		"include appid, openid and unionid in the client's access tokens")
	flags.DurationVar(&client.AccessTTL, "access-ttl", client.AccessTTL,
		"lifetime of access tokens; 0: token.access_ttl")
	flags.DurationVar(&client.IdleTTL, "idle-ttl", client.IdleTTL,
		"a session that is not refreshed for this long ends; 0: session.idle")
	flags.DurationVar(&client.AbsoluteTTL, "absolute-ttl", client.AbsoluteTTL,
		"every session ends after this long; 0: session.absolute")
}

// fileContent is the value of a flag that names a file, whose content goes into a field; "" empties the field.
type fileContent struct {
	path   string
	target *string
}

// String implements pflag.Value.
func (v *fileContent) String() string { return v.path }

// Set implements pflag.Value.
func (v *fileContent) Set(path string) error {
	v.path, *v.target = path, ""
	if path == "" {
		return nil
	}
	content, err := os.ReadFile(path)
	*v.target = strings.TrimSpace(string(content))
	return err
}

// Type implements pflag.Value.
func (v *fileContent) Type() string { return "file" }

// namedBool is the value of a flag that names false and true.
type namedBool struct {
	target *bool
	names  [2]string
}

// String implements pflag.Value.
func (v namedBool) String() string {
	if v.target != nil && *v.target {
		return v.names[1]
	}
	return v.names[0]
}

// Set implements pflag.Value.
func (v namedBool) Set(text string) error {
	if !slices.Contains(v.names[:], text) {
		return fmt.Errorf("use %s or %s", v.names[0], v.names[1])
	}
	*v.target = text == v.names[1]
	return nil
}

// Type implements pflag.Value.
func (v namedBool) Type() string { return "string" }
