package accounts

import (
	"errors"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

var errInvalidToken = oauth.NewError(oauth.InvalidToken, "This user can no longer do that. Sign in again.")

// hashRetry is the Retry-After if a password could not be hashed.
const hashRetry = 2 * time.Second

// userFailed converts a store's error. It returns oauth.InvalidToken for identity.ErrNotFound: the user is gone.
func userFailed(err error) error {
	if errors.Is(err, identity.ErrNotFound) {
		return errInvalidToken
	}
	return oauth.StoreFailed(err)
}

// sentence converts an error's text to an error description. RFC 6749 §5.2 does not allow double quotes.
func sentence(err error) string {
	text := strings.ReplaceAll(err.Error(), `"`, "'")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
