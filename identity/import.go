package identity

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
	"time"
)

// ImportedUser is a person whom another program knew until now, as an operator brings him. All but what names him
// may be left out.
type ImportedUser struct {
	Line         int    // where he was read; tells those of one run apart
	ID           string // the "sub" to keep; empty: a new one is made
	Username     string
	PasswordHash string
	Roles        []string
	Profile      Profile
	Phone        string    // E.164; nobody vouches for it
	CreatedAt    time.Time // zero: now
	Disabled     bool
	Identities   []ExternalIdentity // the accounts
}

// MaxExternalIdentities is how many accounts a newcomer has at most.
const MaxExternalIdentities = 32

// ValidSubject refuses what cannot be the id of a user who comes from somewhere else. What begins as our own
// ids do must be of their form, so that it is as hard to hit by chance.
func ValidSubject(id string) error {
	if id == "" || len(id) > 255 || strings.ContainsFunc(id, func(r rune) bool { return r < 0x21 || r > 0x7e }) {
		return errors.New("sub is 1 to 255 printable ASCII characters without spaces")
	}
	secret, ours := strings.CutPrefix(id, userPrefix)
	if !ours {
		return nil
	}
	if _, err := base64.RawURLEncoding.Strict().DecodeString(secret); err != nil || len(secret) != len(random(16)) {
		return errors.New(`sub must not begin with "u_", unless it was made by Lingpai: ` +
			"u_ and 22 characters of base64url")
	}
	return nil
}

// Check says why a newcomer cannot come, whoever else is there. Its sentences repeat nothing of him.
func (n ImportedUser) Check() error {
	if n.ID == "" && n.Username == "" && len(n.Identities) == 0 {
		return errors.New("nothing to know the person by: give sub, username or an account")
	}
	if n.ID != "" {
		if err := ValidSubject(n.ID); err != nil {
			return err
		}
	}
	if n.Username == "" && n.PasswordHash != "" {
		return errors.New("password_hash is of no use without username")
	}
	if n.Username != "" {
		if _, err := CanonicalUsername(n.Username); err != nil {
			return err
		}
	}
	if _, err := NormalizeRoles(n.Roles); err != nil {
		return err
	}
	return checkExternalIdentities(n.Identities)
}

func checkExternalIdentities(identities []ExternalIdentity) error {
	if len(identities) > MaxExternalIdentities {
		return fmt.Errorf("a person has at most %d accounts", MaxExternalIdentities)
	}
	for n, s := range identities {
		if s.Platform == "" || s.App == "" || s.Subject == "" {
			return errors.New("an account needs an app and an openid")
		}
		for _, earlier := range identities[:n] {
			if earlier.Platform == s.Platform && earlier.App == s.App {
				return errors.New("a person has one account at an app, not several")
			}
			if earlier.HasUnion() && s.HasUnion() && earlier.Platform == s.Platform &&
				earlier.OpenPlatform == s.OpenPlatform && earlier.UnionID != s.UnionID {
				return errors.New("a person has one unionid at an Open Platform account, and this row has " +
					"two: it may be of two people")
			}
		}
	}
	return nil
}

// Outcome is what became of a newcomer.
type Outcome int

// Outcomes.
const (
	Refused Outcome = iota
	Imported
	AlreadyThere // all that names him is one user's, of whom nothing was changed
)

// ImportResult tells what became of one newcomer. Its sentences hold ids of users and apps, and nothing else of
// anybody.
type ImportResult struct {
	Outcome  Outcome
	UserID   string   // empty if refused, and in a rehearsal if it was to be made
	Reason   string   // of a refusal
	Warnings []string // what of an imported one is not as it was brought
}

// Imports is what a store does for people whom another program knew.
type Imports interface {
	// Import adds newcomers, of whom each comes wholly or not at all, and tells of them in their order. Whose
	// sub, user name and accounts are all one user's is there already: so who imports the same again goes on
	// where he was. Who shares only some of them with a user, or with an earlier newcomer, is refused, and so
	// is a sub that is the id of a client or was a deleted user's. A union that is another user's stays that
	// user's: an event and a warning tell of it, as at a sign-in.
	//
	// All are written at once, with an event that tells how many, or each by itself if somebody else gets
	// meanwhile what one of them brings. They should be a few hundred: those who sign in with the same accounts
	// wait that long. With an error it returns what became of those before it.
	Import(ctx context.Context, people []ImportedUser) ([]ImportResult, error)
	// Rehearse returns what answers as Import would, and writes nothing. It remembers who came before, in up
	// to 100 bytes for each sub, name, account and union, and is for one caller.
	Rehearse() Imports
}
