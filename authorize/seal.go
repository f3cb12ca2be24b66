package authorize

import (
	"encoding/base64"
	"errors"
	"strings"

	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/tokens"
)

// seal returns a value that a browser or a client keeps, as text. It counts for one purpose and in one context.
func seal(set *keys.Set, purpose string, context, plain []byte) (string, error) {
	sealed, ok := set.Seal(purpose, context, plain)
	if !ok {
		return "", tokens.ErrNotSigned
	}
	return base64.RawURLEncoding.EncodeToString(sealed), nil
}

var errNotSealed = errors.New("not a sealed value")

// unseal returns a value that was sealed for a purpose and a context. A value has one spelling: the decoder alone would
// skip line ends.
func unseal(set *keys.Set, purpose string, context []byte, text string) ([]byte, error) {
	sealed, err := base64.RawURLEncoding.Strict().DecodeString(text)
	if err != nil || strings.ContainsAny(text, "\r\n") {
		return nil, errNotSealed
	}
	return set.Unseal(purpose, context, sealed)
}
