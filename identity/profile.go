package identity

import (
	"context"
	"time"
)

// Profile is what a person says of himself. All of it is optional, and none of it is verified.
type Profile struct {
	Name     string `json:"name,omitempty"`     // at most 128 characters; likewise the next
	Nickname string `json:"nickname,omitempty"` //
	Picture  string `json:"picture,omitempty"`  // an https URL of at most 512 bytes
	Gender   string `json:"gender,omitempty"`   // as OpenID Connect Core §5.1 has it: female, male, or another word
	Locale   string `json:"locale,omitempty"`   // a BCP 47 tag
	Email    string `json:"email,omitempty"`    // as written; nobody has checked that it is read by this person
}

// Phone is a number that a platform says belongs to a person. Numbers pass on to other people, so it signs
// nobody in and joins nobody.
type Phone struct {
	Number string    // E.164, such as +8613800000000; empty: none
	SeenAt time.Time // when the platform said so last
	// Verified says that the platform vouched for it at SeenAt. A number that was only decrypted, and that it
	// could not be asked about, is not.
	Verified bool
}

// Details are what is known of a user beside what signs him in.
type Details struct {
	Profile
	Chosen    bool // the person set the profile, so no platform's word changes it
	Phone     Phone
	UpdatedAt time.Time // of the profile or the phone; zero: never
}

// Profiles is what a store does for what people say of themselves.
type Profiles interface {
	// Find returns what is known of a user; nothing, if nothing is.
	Find(ctx context.Context, userID string) (Details, error)
	// Choose replaces the profile by what its person wants. ErrNotFound: there is no such user.
	Choose(ctx context.Context, userID string, profile Profile) error
	// Suggest keeps what a platform says, until the person has chosen. It reports whether it did. ErrNotFound.
	Suggest(ctx context.Context, userID string, profile Profile) (bool, error)
	// SetPhone replaces the phone number; a zero Phone removes it. An event tells of it, without the number.
	// ErrNotFound.
	SetPhone(ctx context.Context, userID string, phone Phone) error
}
