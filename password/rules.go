package password

import (
	"errors"
	"unicode/utf8"

	"golang.org/x/text/secure/precis"
)

const (
	minCodePoints = 8
	maxCodePoints = 256
	maxBytes      = 1024
	maxExpansion  = 3 // a decomposed Hangul syllable takes three times the bytes of the composed one
)

var errTooLong = errors.New("a password has at most 1024 bytes")

// Normalize returns the form of a password that is hashed: RFC 8265 OpaqueString, so that one password typed
// on different keyboards is one: composed and decomposed letters (NFC), the spaces of all scripts. It refuses
// text that is not UTF-8, control and formatting characters, and more than 1024 bytes, before any work that
// grows with the length. Normalizing twice changes nothing.
func Normalize(password string) (string, error) {
	if password == "" {
		return "", errors.New("a password is not empty")
	}
	if len(password) > maxExpansion*maxBytes {
		return "", errTooLong
	}
	if !utf8.ValidString(password) { // precis would make one character of all faults, and so one password of many
		return "", errors.New("a password is UTF-8 text")
	}
	normalized, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", errors.New("a password has no control or formatting characters (RFC 8265)")
	}
	if len(normalized) > maxBytes {
		return "", errTooLong
	}
	return normalized, nil
}

// CheckPolicy says whether a password may be set: 8 to 256 characters, none of them for control, and not one
// of those that everybody tries first. There is no rule about kinds of characters (NIST SP 800-63B §5.1.1.2):
// it makes people write "Password1!".
func CheckPolicy(password string) error {
	normalized, err := Normalize(password)
	if err != nil {
		return err
	}
	if n := utf8.RuneCountInString(normalized); n < minCodePoints || n > maxCodePoints {
		return errors.New("a password has 8 to 256 characters")
	}
	if isCommon(normalized) {
		return errors.New("this password is one of those that are guessed first; choose another one, such " +
			"as several words that do not belong together")
	}
	return nil
}
