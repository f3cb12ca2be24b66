package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// User is a person. Its ID is the "sub" of every token: text of 1 to 255 printable ASCII characters,
// immutable, never given to anybody else.
type User struct {
	ID           string
	Username     string   // as the person writes it; empty: signs in by other means
	PasswordHash string   // PHC string, or one of bcrypt that was imported; empty: no password
	Roles        []string // a set, in order: see NormalizeRoles
	Claims       Claims
	AuthEpoch    int64 // grows whenever sessions opened on older knowledge must not live
	CreatedAt    time.Time
	DisabledAt   time.Time // zero: enabled
	DeletesAt    time.Time // when all of it will be gone; zero: stays
	Dismissed    bool      // an operator said so, not its person, who cannot take it back
	JoinedInto   string    // the user that this one turned out to be; empty: none
}

// Disabled says whether the user may not sign in.
func (u User) Disabled() bool { return !u.DisabledAt.IsZero() || u.JoinedInto != "" }

// Leaving says whether the user asked to be deleted and may still change his mind.
func (u User) Leaving() bool { return !u.DeletesAt.IsZero() }

// Bounds of what an operator says of a user: all of it travels with every request of the user's, within an
// access token.
const (
	MaxRoles       = 32
	maxRoleLength  = 64
	maxClaimsBytes = 1024
	maxClaimsDepth = 8
)

// NormalizeRoles returns roles as the set that they are, in order. It refuses more than MaxRoles, and what is
// not 1 to 64 letters, digits, dots, underscores, colons and hyphens: APIs compare roles and put them into
// lists and headers.
func NormalizeRoles(roles []string) ([]string, error) {
	for _, role := range roles {
		if role == "" || len(role) > maxRoleLength || strings.ContainsFunc(role, notRole) {
			return nil, errors.New("a role is 1 to 64 of the letters A to Z and a to z, digits, and . _ : -")
		}
	}
	set := slices.Compact(slices.Sorted(slices.Values(roles)))
	if len(set) > MaxRoles {
		return nil, fmt.Errorf("a user has at most %d roles", MaxRoles)
	}
	return set, nil
}

func notRole(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._:-", r)
}

// Claims are what an operator says of a user beside roles: the text of a JSON object as ParseClaims returns
// it. Empty: nothing.
type Claims string

var errClaims = errors.New("claims are one JSON object, in which every name stands once and nothing is " +
	"nested deeper than 8 levels")

// ParseClaims reads claims and returns them without spaces between. It refuses more than 1 KiB, and what two
// programs could read differently: a name that stands twice, a number beyond those of everybody's, text that
// is not UTF-8.
func ParseClaims(text []byte) (Claims, error) {
	if !utf8.Valid(text) {
		return "", errors.New("claims are UTF-8 text")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return "", fmt.Errorf("%w: %w", errClaims, err)
	}
	switch b := compact.Bytes(); {
	case b[0] != '{':
		return "", errClaims
	case len(b) > maxClaimsBytes:
		return "", fmt.Errorf("claims have at most %d bytes, and these have %d", maxClaimsBytes, len(b))
	case len(b) == len("{}"):
		return "", nil
	}
	if err := checkJSON(json.NewDecoder(bytes.NewReader(compact.Bytes())), maxClaimsDepth); err != nil {
		return "", err
	}
	return Claims(compact.String()), nil
}

// checkJSON reads one value and what is within it.
func checkJSON(d *json.Decoder, depth int) error {
	token, err := d.Token()
	if err != nil {
		return fmt.Errorf("%w: %w", errClaims, err)
	}
	delimiter, nested := token.(json.Delim)
	if !nested {
		return nil
	}
	if depth == 0 {
		return errClaims
	}
	names := map[any]bool{}
	for d.More() {
		if delimiter == '{' {
			name, err := d.Token()
			if err != nil || names[name] {
				return errClaims
			}
			names[name] = true
		}
		if err := checkJSON(d, depth-1); err != nil {
			return err
		}
	}
	_, err = d.Token() // the end of it
	return err
}

// MarshalJSON implements json.Marshaler: claims are JSON already.
func (c Claims) MarshalJSON() ([]byte, error) {
	if c == "" {
		return []byte("{}"), nil
	}
	return []byte(c), nil
}

// UnmarshalJSON implements json.Unmarshaler. Claims within a token of ours were parsed before it was signed.
func (c *Claims) UnmarshalJSON(b []byte) error {
	*c = Claims(b)
	return nil
}

// Users is what a store does for users and their accounts.
type Users interface {
	// Create adds a user who signs in by name and password. ErrExists: the name is taken, in whichever spelling.
	Create(ctx context.Context, username, passwordHash string) (User, error)
	// Find returns ErrNotFound for an unknown id.
	Find(ctx context.Context, id string) (User, error)
	// FindByUsername looks up by canonical form. ErrNotFound: nobody has that name, or it cannot be a name.
	FindByUsername(ctx context.Context, username string) (User, error)
	// FindOrCreateByAccount returns the user of an account that a platform vouched for, and makes both at
	// first sight; created says so. Any number of parallel first sights make one user. A union id links an
	// account's user to the union if that is free; it never moves an account, and a conflict is recorded as
	// an event.
	FindOrCreateByAccount(ctx context.Context, sighting Sighting) (user User, created bool, err error)
	// FindAccount returns ErrNotFound for an account that never signed in.
	FindAccount(ctx context.Context, key AccountKey) (Account, error)
	// FindAccountOf returns the one account that a user has at an app. ErrNotFound.
	FindAccountOf(ctx context.Context, userID, platform, app string) (Account, error)
	// Disable ends all sessions of the user and keeps new ones from opening, in one transaction. ErrNotFound.
	Disable(ctx context.Context, id string) error
	// Enable lets the user sign in again. ErrNotFound.
	Enable(ctx context.Context, id string) error
	// SetPassword replaces the hash and ends all sessions of the user, in one transaction. ErrNotFound, also
	// if the user was joined into another one, perhaps since the caller looked; likewise Name, Link, Unlink,
	// Leave, Dismiss, Stay, and whatever Profiles writes.
	SetPassword(ctx context.Context, id, passwordHash string) error
	// ReplacePasswordHash puts another hash of the same password in the place of old and ends nothing. False:
	// the hash is not old any more, there is none, or the user is disabled or unknown; whoever changed the
	// password meanwhile wins.
	ReplacePasswordHash(ctx context.Context, id, old, passwordHash string) (bool, error)
	// SetRoles replaces all roles. ErrNotFound, or what NormalizeRoles says.
	SetRoles(ctx context.Context, id string, roles []string) error
	// GrantRole adds a role, and does nothing if the user has it. Of any number of parallel calls none is
	// lost. ErrNotFound, or what NormalizeRoles says.
	GrantRole(ctx context.Context, id, role string) error
	// RevokeRole takes a role away, and does nothing if the user does not have it. ErrNotFound.
	RevokeRole(ctx context.Context, id, role string) error
	// SetClaims replaces all claims; empty: none. ErrNotFound, or what ParseClaims says.
	SetClaims(ctx context.Context, id string, claims Claims) error
	// Name gives a user name to a user who has none, or another spelling of it to a user who has. ErrExists:
	// it is taken, in whichever spelling, or the user has another one; of two names for one user the first
	// stays. ErrNotFound, or what CanonicalUsername says. It ends nothing.
	Name(ctx context.Context, id, username string) error
	// Accounts returns a user's accounts, in the order of their keys.
	Accounts(ctx context.Context, userID string) ([]Account, error)
	// Link adds an account that a platform vouched for to a user, and its union if that is free; nothing, if
	// he has it already. ErrExists: the account or its union is another user's, or the user has another
	// account at that app. ErrNotFound. Of two users who link one account at once, one wins.
	Link(ctx context.Context, userID string, sighting Sighting) error
	// Unlink takes an account from a user, with all others of its union and the union itself, so that none of
	// them leads to this user again by itself. Neither does any other union at that platform that no account
	// of the user's names any more. It ends the sessions that they opened, in one transaction, no join
	// remembers them any more, and it returns what it took. ErrNotFound: the account is not the user's.
	// ErrLastWayIn: the user has neither another account nor user name and password.
	Unlink(ctx context.Context, userID string, key AccountKey) ([]AccountKey, error)
	// Leave notes when a user wants to be gone, counted by the store's clock, and ends all sessions, in one
	// transaction. It returns the instant. A second call changes nothing. ErrNotFound.
	Leave(ctx context.Context, id string, grace time.Duration) (time.Time, error)
	// Dismiss is Leave by an operator's word: the user goes also if disabled, before or since, and who is
	// leaving already goes at the earlier of the two instants. ErrNotFound.
	Dismiss(ctx context.Context, id string, grace time.Duration) (time.Time, error)
	// Stay takes Leave and Dismiss back; nothing, if the user was staying. ErrNotFound: there is no such user
	// (any more).
	Stay(ctx context.Context, id string) error
	// DeleteLeft deletes up to batch users whose time has come, with all that is theirs; of each, a hash
	// keeps the id from being given again. Events stay, which name only the id. Who left by himself and is
	// disabled stays until he is enabled, or dismissed: else the same accounts would make a user whom nobody
	// has disabled. It returns how many.
	DeleteLeft(ctx context.Context, batch int) (int, error)
	// List returns up to limit users whose id follows after, in the order of ids.
	List(ctx context.Context, after string, limit int) ([]User, error)
}
