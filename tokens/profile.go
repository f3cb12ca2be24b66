package tokens

import (
	"context"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Profile are the claims about a user that its scopes allow (OpenID Connect Core §5.1 and §5.4), in ID tokens
// and at userinfo.
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
	PhoneNumberSeenAt   int64  `json:"phone_number_seen_at,omitempty"` // ours: numbers pass on to other people
}

// ReadProfile returns what a scope allows to tell of a user. Only a scope that allows something costs a look-up.
func ReadProfile(ctx context.Context, profiles identity.Profiles, user identity.User, scope string) (Profile, error) {
	if !oauth.HasScope(scope, oauth.ScopeProfile) && !oauth.HasScope(scope, oauth.ScopeEmail) &&
		!oauth.HasScope(scope, oauth.ScopePhone) {
		return Profile{}, nil
	}
	details, err := profiles.Find(ctx, user.ID)
	if err != nil {
		return Profile{}, err
	}
	return profileOf(user, details, scope), nil
}

func profileOf(user identity.User, details identity.Details, scope string) Profile {
	var told Profile
	if oauth.HasScope(scope, oauth.ScopeProfile) {
		told.PreferredUsername = user.Username
		told.Name, told.Nickname, told.Picture = details.Name, details.Nickname, details.Picture
		told.Gender, told.Locale = details.Gender, details.Locale
		if !details.UpdatedAt.IsZero() {
			told.UpdatedAt = details.UpdatedAt.Unix()
		}
	}
	if oauth.HasScope(scope, oauth.ScopeEmail) && details.Email != "" {
		told.Email, told.EmailVerified = details.Email, new(bool) // nobody has checked it
	}
	if phone := details.Phone; oauth.HasScope(scope, oauth.ScopePhone) && phone.Number != "" {
		told.PhoneNumber, told.PhoneNumberVerified, told.PhoneNumberSeenAt = phone.Number, &phone.Verified,
			phone.SeenAt.Unix()
	}
	return told
}
