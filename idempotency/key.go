package idempotency

import "github.com/lingpai/lingpai/oauth"

// Header is the name of the header that marks a request as repeatable.
const Header = "Idempotency-Key"

const (
	minKeyLength = 22 // 128 random bits in base64url
	maxKeyLength = 128
)

// Key returns the key of a request, given the values of its Header, or "" if there is none. It can check the length of
// the key but not its randomness. It returns oauth.InvalidRequest if the key is malformed or sent twice.
func Key(values []string) (string, error) {
	if len(values) == 0 {
		return "", nil
	}
	key := values[0]
	if len(values) > 1 || len(key) < minKeyLength || len(key) > maxKeyLength || !oauth.Visible(key) {
		return "", oauth.NewError(oauth.InvalidRequest,
			"Idempotency-Key must be sent once and have 22 to 128 visible ASCII characters (at least 128 random bits).")
	}
	return key, nil
}
