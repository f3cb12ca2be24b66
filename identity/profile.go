package identity

import (
	"context"
	"time"
)

// Profile is what users say about themselves. All of it is optional, and none of it is verified.
type Profile struct {
	Name     string `json:"name,omitempty"` // at most 128 characters; also Nickname
	Nickname string `json:"nickname,omitempty"`
	Picture  string `json:"picture,omitempty"` // an https URL of at most 512 bytes
	Gender   string `json:"gender,omitempty"`  // OpenID Connect Core §5.1: female, male, or another word
	Locale   string `json:"locale,omitempty"`  // a BCP 47 tag
	Email    string `json:"email,omitempty"`   // unverified
	Address  string `json:"address,omitempty"` // postal, as one would write it on an envelope, in one line
}

// Phone is a number that a platform reported for a user. Numbers are reassigned to other people, so they are used
// neither to sign in nor to find duplicates.
type Phone struct {
	Number string    // E.164, such as +8613800000000; empty: none
	SeenAt time.Time // when the platform last reported it
	// Verified reports that the platform vouched for the number at SeenAt. It is false for a number that was only
	// decrypted, and about which the platform could not be asked.
	Verified bool
}

// Details is what is known about a user besides credentials.
type Details struct {
	Profile
	Chosen    bool // the user set the profile, so platforms no longer change it
	Phone     Phone
	UpdatedAt time.Time // of the profile or the phone; zero: never
}

// Profiles stores what users say about themselves.
type Profiles interface {
	// Find returns what is known about a user; the zero value if nothing is.
	Find(ctx context.Context, userID string) (Details, error)
	// Choose replaces the profile with the user's own. It returns ErrNotFound for an unknown user.
	Choose(ctx context.Context, userID string, profile Profile) error
	// Suggest stores a platform's profile, unless the user has chosen one. It reports whether it did. It returns
	// ErrNotFound for an unknown user.
	Suggest(ctx context.Context, userID string, profile Profile) (bool, error)
	// SetPhone replaces the phone number; a zero Phone removes it. It records an event, without the number. It
	// returns ErrNotFound for an unknown user, and ErrExists if phone is not verified and the user's present one is.
	SetPhone(ctx context.Context, userID string, phone Phone) error
}
