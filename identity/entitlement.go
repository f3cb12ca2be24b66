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

// Limits of roles and claims. Every access token of the user carries them with every request.
const (
	MaxRoles       = 32
	maxRoleLength  = 64
	maxClaimsBytes = 1024
	maxClaimsDepth = 8
)

// NormalizeRoles returns roles sorted and without duplicates. It rejects more than MaxRoles roles, and roles that are
// not 1 to 64 letters, digits, dots, underscores, colons and hyphens, because APIs compare roles and put them into
// lists and headers.
func NormalizeRoles(roles []string) ([]string, error) {
	for _, role := range roles {
		if role == "" || len(role) > maxRoleLength || strings.ContainsFunc(role, notRole) {
			return nil, errors.New("a role must be 1 to 64 characters: A to Z, a to z, digits, and . _ : -")
		}
	}
	set := slices.Compact(slices.Sorted(slices.Values(roles)))
	if len(set) > MaxRoles {
		return nil, fmt.Errorf("a user can have at most %d roles", MaxRoles)
	}
	return set, nil
}

func notRole(r rune) bool {
	return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune("._:-", r)
}

// Claims are what an operator records about a user besides roles: a JSON object as ParseClaims returns it. Empty:
// none.
type Claims string

var errClaims = errors.New("claims must be one JSON object without duplicate names, nested at most 8 levels deep")

// ParseClaims reads claims and returns them without whitespace. It rejects more than 1 KiB, and everything that two
// parsers could read differently: a duplicate name, a number out of range of a float64, text that is not UTF-8.
func ParseClaims(text []byte) (Claims, error) {
	if !utf8.Valid(text) {
		return "", errors.New("claims must be UTF-8 text")
	}
	var compact bytes.Buffer
	if err := json.Compact(&compact, text); err != nil {
		return "", fmt.Errorf("%w: %w", errClaims, err)
	}
	switch b := compact.Bytes(); {
	case b[0] != '{':
		return "", errClaims
	case len(b) > maxClaimsBytes:
		return "", fmt.Errorf("claims must be at most %d bytes long, but these have %d", maxClaimsBytes, len(b))
	case len(b) == len("{}"):
		return "", nil
	}
	if !UnambiguousJSON(compact.Bytes(), maxClaimsDepth) {
		return "", errClaims
	}
	return Claims(compact.String()), nil
}

// MarshalJSON implements json.Marshaler: claims are JSON already.
func (c Claims) MarshalJSON() ([]byte, error) {
	if c == "" {
		return []byte("{}"), nil
	}
	return []byte(c), nil
}

// UnmarshalJSON implements json.Unmarshaler. It does not check the claims: they come from a token of this server, for
// which they were parsed before it was signed.
func (c *Claims) UnmarshalJSON(b []byte) error {
	*c = Claims(b)
	return nil
}

// Entitlements stores roles and claims, which operators assign.
type Entitlements interface {
	// GrantRole adds a role. It does nothing if the user has it already. Parallel calls do not lose roles. It returns
	// ErrNotFound, or an error of NormalizeRoles.
	GrantRole(ctx context.Context, id, role string) error
	// RevokeRole removes a role. It does nothing if the user does not have it. It returns ErrNotFound for an unknown
	// user.
	RevokeRole(ctx context.Context, id, role string) error
	// SetClaims replaces all claims; empty: none. It returns ErrNotFound, or an error of ParseClaims.
	SetClaims(ctx context.Context, id string, claims Claims) error
}
