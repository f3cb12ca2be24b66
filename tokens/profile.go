package tokens

import (
	"context"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Profile contains the claims about a user that the scope allows (OpenID Connect Core §5.1 and §5.4), in ID tokens and
// at userinfo.
type Profile struct {
	PreferredUsername string `json:"preferred_username,omitempty"`
	Name              string `json:"name,omitempty"`
	Nickname          string `json:"nickname,omitempty"`
	Picture           string `json:"picture,omitempty"`
	Gender            string `json:"gender,omitempty"`
	Locale            string `json:"locale,omitempty"`
	UpdatedAt         int64  `json:"updated_at,omitempty"`

	Email         string `json:"email,omitempty"`
	EmailVerified *bool  `json:"email_verified,omitempty"`

	PhoneNumber         string `json:"phone_number,omitempty"`
	PhoneNumberVerified *bool  `json:"phone_number_verified,omitempty"`
	PhoneNumberSeenAt   int64  `json:"phone_number_seen_at,omitempty"` // not standard

	Address *Address `json:"address,omitempty"`
}

// Address is a postal address (OpenID Connect Core §5.1.1).
type Address struct {
	Formatted string `json:"formatted"`
}

// ReadProfile returns the claims about a user that a scope allows. It reads the store only if the scope allows any, and
// returns the errors of the store.
func ReadProfile(ctx context.Context, profiles identity.Profiles, user identity.User, scope string) (Profile, error) {
	if !oauth.HasScope(scope, oauth.ScopeProfile) && !oauth.HasScope(scope, oauth.ScopeEmail) &&
		!oauth.HasScope(scope, oauth.ScopePhone) && !oauth.HasScope(scope, oauth.ScopeAddress) {
		return Profile{}, nil
	}
	details, err := profiles.Find(ctx, user.ID)
	if err != nil {
		return Profile{}, err
	}
	return profileOf(user, details, scope), nil
}

func profileOf(user identity.User, details identity.Details, scope string) Profile {
	var profile Profile
	if oauth.HasScope(scope, oauth.ScopeProfile) {
		profile.PreferredUsername = user.Username
		profile.Name, profile.Nickname, profile.Picture = details.Name, details.Nickname, details.Picture
		profile.Gender, profile.Locale = details.Gender, details.Locale
		if !details.UpdatedAt.IsZero() {
			profile.UpdatedAt = details.UpdatedAt.Unix()
		}
	}
	if oauth.HasScope(scope, oauth.ScopeEmail) && details.Email != "" {
		profile.Email, profile.EmailVerified = details.Email, new(bool) // false: addresses are not verified
	}
	if phone := details.Phone; oauth.HasScope(scope, oauth.ScopePhone) && phone.Number != "" {
		profile.PhoneNumber, profile.PhoneNumberVerified, profile.PhoneNumberSeenAt = phone.Number, &phone.Verified,
			phone.SeenAt.Unix()
	}
	if oauth.HasScope(scope, oauth.ScopeAddress) && details.Address != "" {
		profile.Address = &Address{details.Address}
	}
	return profile
}
