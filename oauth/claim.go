package oauth

// claimScopes has the scope that covers each claim about a user (OpenID Connect Core §5.4).
var claimScopes = map[string]string{
	"preferred_username": ScopeProfile, "name": ScopeProfile, "nickname": ScopeProfile, "picture": ScopeProfile,
	"gender": ScopeProfile, "locale": ScopeProfile, "updated_at": ScopeProfile,
	"email": ScopeEmail, "email_verified": ScopeEmail,
	"phone_number": ScopePhone, "phone_number_verified": ScopePhone, "phone_number_seen_at": ScopePhone,
	"address": ScopeAddress,
}

// ClaimScope returns the scope that covers a claim about a user, or "" if none does.
func ClaimScope(claim string) string { return claimScopes[claim] }
