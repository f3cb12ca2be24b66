package identity

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

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

// Entitlements is what a store does for roles and claims, which an operator gives.
type Entitlements interface {
	// SetRoles replaces all roles. ErrNotFound, or what NormalizeRoles says.
	SetRoles(ctx context.Context, id string, roles []string) error
	// GrantRole adds a role, and does nothing if the user has it. Of any number of parallel calls none is
	// lost. ErrNotFound, or what NormalizeRoles says.
	GrantRole(ctx context.Context, id, role string) error
	// RevokeRole takes a role away, and does nothing if the user does not have it. ErrNotFound.
	RevokeRole(ctx context.Context, id, role string) error
	// SetClaims replaces all claims; empty: none. ErrNotFound, or what ParseClaims says.
	SetClaims(ctx context.Context, id string, claims Claims) error
}
