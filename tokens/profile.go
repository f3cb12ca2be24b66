package tokens

import (
	"context"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// Profile contains claims about a user (OpenID Connect Core §5.1), in ID tokens and at userinfo.
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

// ProfileRequest determines which claims about a user a client gets.
type ProfileRequest struct {
	Client    identity.Client
	User      identity.User
	Scope     string
	Requested []string // besides those that the scope covers
}

// ReadProfile returns the claims that a scope covers, and of those that were requested one by one those whose scope the
// client is still registered for. It reads the store only if there may be any, and returns the errors of the store.
func ReadProfile(ctx context.Context, profiles identity.Profiles, r ProfileRequest) (Profile, error) {
	scopes := strings.Fields(r.Scope)
	requested := slices.DeleteFunc(slices.Clone(r.Requested), func(claim string) bool {
		return !slices.Contains(r.Client.Scopes, oauth.ClaimScope(claim))
	})
	if len(requested) == 0 && !slices.ContainsFunc(scopes, oauth.CoversClaims) {
		return Profile{}, nil
	}
	details, err := profiles.Find(ctx, r.User.ID)
	if err != nil {
		return Profile{}, err
	}
	return profileOf(r.User, details, func(claim string) bool {
		return slices.Contains(scopes, oauth.ClaimScope(claim)) || slices.Contains(requested, claim)
	}), nil
}

// profileOf returns the claims that are wanted and have a value.
func profileOf(user identity.User, details identity.Details, wanted func(claim string) bool) Profile {
	text := func(claim, value string) string {
		if wanted(claim) {
			return value
		}
		return ""
	}
	profile := Profile{
		PreferredUsername: text("preferred_username", user.Username), Name: text("name", details.Name),
		Nickname: text("nickname", details.Nickname), Picture: text("picture", details.Picture),
		Gender: text("gender", details.Gender), Locale: text("locale", details.Locale),
		Email: text("email", details.Email), PhoneNumber: text("phone_number", details.Phone.Number),
	}
	if wanted("updated_at") && !details.UpdatedAt.IsZero() {
		profile.UpdatedAt = details.UpdatedAt.Unix()
	}
	if wanted("email_verified") && details.Email != "" {
		profile.EmailVerified = new(bool) // false: addresses are not verified
	}
	if wanted("phone_number_verified") && details.Phone.Number != "" {
		profile.PhoneNumberVerified = &details.Phone.Verified
	}
	if wanted("phone_number_seen_at") && details.Phone.Number != "" {
		profile.PhoneNumberSeenAt = details.Phone.SeenAt.Unix()
	}
	if wanted("address") && details.Address != "" {
		profile.Address = &Address{details.Address}
	}
	return profile
}
