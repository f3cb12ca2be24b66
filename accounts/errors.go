package accounts

import (
	"errors"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

var errInvalidToken = oauth.NewError(oauth.InvalidToken, "This user cannot do that (any more). Sign in again.")

// hashRetry is how long to wait when a password could not be hashed.
const hashRetry = 2 * time.Second

// userFailed is oauth.StoreFailed where not finding means that the user is gone.
func userFailed(err error) error {
	if errors.Is(err, identity.ErrNotFound) {
		return errInvalidToken
	}
	return oauth.StoreFailed(err)
}

// sentence makes a description of a rule's error. RFC 6749 §5.2 has no double quotes in descriptions.
func sentence(err error) string {
	text := strings.ReplaceAll(err.Error(), `"`, "'")
	return strings.ToUpper(text[:1]) + text[1:] + "."
}
