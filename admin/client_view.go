package admin

import (
	"time"

	"github.com/lingpai/lingpai/identity"
)

// ClientView is a client in the form that operators see. Times are RFC 3339 in UTC, as in all views.
type ClientView struct {
	ID            string   `json:"client_id"`
	Name          string   `json:"name,omitempty"`
	Type          string   `json:"type"` // "confidential" or "public" (RFC 6749 §2.1)
	FirstParty    bool     `json:"first_party"`
	Grants        []string `json:"grants"`
	Scopes        []string `json:"scopes"`
	DefaultScopes []string `json:"default_scopes"`
	Audience      []string `json:"audience"`
	IsAudience    []string `json:"is_audience"`
	Apps          []string `json:"apps"`
	Origins       []string `json:"origins"`
	RefreshKeys   bool     `json:"refresh_keys"`
	WechatClaims  bool     `json:"wechat_claims"`
	AccessTTL     string   `json:"access_ttl,omitempty"`   // such as 1h0m0s; "" means the server's default
	IdleTTL       string   `json:"idle_ttl,omitempty"`     // like AccessTTL
	AbsoluteTTL   string   `json:"absolute_ttl,omitempty"` // like AccessTTL
	CreatedAt     string   `json:"created_at"`
	DisabledAt    string   `json:"disabled_at,omitempty"`

	RedirectURIs           []string `json:"redirect_uris"`
	PostLogoutRedirectURIs []string `json:"post_logout_redirect_uris"`
	BackchannelLogoutURI   string   `json:"backchannel_logout_uri,omitempty"`
	InitiateLoginURI       string   `json:"initiate_login_uri,omitempty"`
	AlwaysConsent          bool     `json:"always_consent"`
	OptionalPKCE           bool     `json:"optional_pkce"`
	RequirePAR             bool     `json:"require_par"`

	HasSecret      bool   `json:"has_secret"`
	OldSecretUntil string `json:"old_secret_until,omitempty"` // until when the secret before works, too
	JWKS           string `json:"jwks,omitempty"`
	JWKSURI        string `json:"jwks_uri,omitempty"`

	LegacyAudienceUntil string `json:"legacy_audience_until,omitempty"`
}

// ViewClient returns the view of a client, without the hashes of its secrets.
func ViewClient(c identity.Client) ClientView {
	kind := "public"
	if c.Confidential {
		kind = "confidential"
	}
	return ClientView{
		ID: c.ID, Name: c.Name, Type: kind, FirstParty: c.FirstParty, Grants: c.Grants, Scopes: c.Scopes,
		DefaultScopes: c.DefaultScopes, Audience: c.Audience, IsAudience: c.IsAudience, Apps: c.Apps,
		Origins: c.Origins, RefreshKeys: c.RefreshKeys, WechatClaims: c.WechatClaims,
		AccessTTL: optionalDuration(c.AccessTTL), IdleTTL: optionalDuration(c.IdleTTL),
		AbsoluteTTL: optionalDuration(c.AbsoluteTTL), CreatedAt: instant(c.CreatedAt),
		DisabledAt:   instant(c.DisabledAt),
		RedirectURIs: c.RedirectURIs, PostLogoutRedirectURIs: c.PostLogoutRedirectURIs,
		BackchannelLogoutURI: c.BackchannelLogoutURI, InitiateLoginURI: c.InitiateLoginURI,
		AlwaysConsent: c.AlwaysConsent, OptionalPKCE: c.OptionalPKCE,
		RequirePAR: c.RequirePAR,
		HasSecret:  len(c.SecretHash) > 0, OldSecretUntil: instant(c.OldSecretUntil), JWKS: c.JWKS, JWKSURI: c.JWKSURI,
		LegacyAudienceUntil: instant(c.LegacyAudienceUntil),
	}
}

func optionalDuration(d time.Duration) string {
	if d == 0 {
		return ""
	}
	return d.String()
}

// instant formats a time as RFC 3339 in UTC. It returns "" for the zero time.
func instant(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(time.RFC3339)
}
