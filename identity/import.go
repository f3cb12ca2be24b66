package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ImportedUser is a user of another system, imported by an operator. ID, Username or an account is required;
// everything else is optional.
type ImportedUser struct {
	Line         int    // in the import file; identifies the user within one run
	ID           string // the "sub" to keep; empty: a new one is made
	Username     string
	PasswordHash string
	Roles        []string
	Profile      Profile
	Phone        string    // E.164; unverified
	CreatedAt    time.Time // zero: now
	Disabled     bool
	Identities   []ExternalIdentity // accounts at platforms
}

// MaxExternalIdentities is the maximum number of accounts of an imported user.
const MaxExternalIdentities = 32

// ValidSubject returns an error if id cannot be the id of an imported user. An id that begins like those of this server
// must have their form, so that it is as hard to guess.
func ValidSubject(id string) error {
	if id == "" || len(id) > 255 || strings.ContainsFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return errors.New("sub must be 1 to 255 printable ASCII characters without spaces")
	}
	secret, own := strings.CutPrefix(id, userPrefix)
	if !own {
		return nil
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(secret) != base64.RawURLEncoding.EncodedLen(userIDSize) {
		return errors.New(`sub must not begin with "u_", unless it was made by Lingpai: ` +
			"u_ and 22 characters of base64url")
	}
	return nil
}

// Check validates an imported user without looking at the store. Its errors contain none of the user's data.
func (u ImportedUser) Check() error {
	if u.ID == "" && u.Username == "" && len(u.Identities) == 0 {
		return errors.New("the user has no identifier: give sub, username or an account")
	}
	if u.ID != "" {
		if err := ValidSubject(u.ID); err != nil {
			return err
		}
	}
	if u.Username == "" && u.PasswordHash != "" {
		return errors.New("password_hash requires username")
	}
	if u.Username != "" {
		if _, err := CanonicalUsername(u.Username); err != nil {
			return err
		}
	}
	if _, err := NormalizeRoles(u.Roles); err != nil {
		return err
	}
	return checkExternalIdentities(u.Identities)
}

func checkExternalIdentities(identities []ExternalIdentity) error {
	if len(identities) > MaxExternalIdentities {
		return fmt.Errorf("a user can have at most %d accounts", MaxExternalIdentities)
	}
	for n, e := range identities {
		if e.Platform == "" || e.App == "" || e.Subject == "" {
			return errors.New("an account needs an app and an openid")
		}
		for _, earlier := range identities[:n] {
			if earlier.Platform == e.Platform && earlier.App == e.App {
				return errors.New("a user can have only one account at each app")
			}
			if earlier.HasUnion() && e.HasUnion() && earlier.Platform == e.Platform &&
				earlier.OpenPlatform == e.OpenPlatform && earlier.UnionID != e.UnionID {
				return errors.New("a user can have only one unionid at each Open Platform account, and this row has " +
					"two: it may mix two people")
			}
		}
	}
	return nil
}

// Outcome is the outcome of importing one user.
type Outcome int

// The outcomes of importing a user.
const (
	Refused Outcome = iota
	Imported
	AlreadyThere // sub, user name and accounts all belong to one user, who is unchanged
)

// ImportResult is the outcome of importing one user. Its texts contain ids of users and apps, and no other data.
type ImportResult struct {
	Outcome  Outcome
	UserID   string   // empty if refused, and in a rehearsal if the user would be created
	Reason   string   // of a refusal
	Warnings []string // what was imported differently from the row
}

// Imports stores users of another system.
type Imports interface {
	// Import adds users, each completely or not at all, and returns their results in the same order. A user whose
	// sub, user name and accounts all belong to one existing user is AlreadyThere, so an interrupted import can be
	// repeated. A user who shares only some of them with an existing user, or with an earlier one of the import, is
	// refused. A sub is also refused if it is the id of a client or was the id of a deleted user. A union that
	// belongs to another user stays with that user: as at a sign-in, an event is recorded, and the result has a
	// warning.
	//
	// All users are written in one transaction, with one event that has their number. If a concurrent request takes an
	// identifier of one of them, each is written in its own transaction instead. Import a few hundred at a time:
	// sign-ins with the same accounts wait until the transaction ends. With an error it returns the results of the
	// users before it.
	Import(ctx context.Context, people []ImportedUser) ([]ImportResult, error)
	// Rehearse returns an Imports that returns what Import would return, and writes nothing. It remembers the users
	// of earlier calls, in up to 100 bytes for each sub, name, account and union, and is not safe for concurrent use.
	Rehearse() Imports
}
