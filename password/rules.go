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

var errTooLong = errors.New("a password must have at most 1024 bytes")

// Normalize returns the form of a password that is hashed: RFC 8265 OpaqueString, so that a password can be typed on
// different keyboards. It composes letters (NFC) and replaces the spaces of all scripts with ASCII spaces.
// Normalizing twice changes nothing. It returns an error if the password is empty, is not UTF-8, contains control or
// formatting characters, or has more than 1024 bytes. It checks the length before any work that depends on it.
func Normalize(password string) (string, error) {
	if password == "" {
		return "", errors.New("a password must not be empty")
	}
	if len(password) > maxExpansion*maxBytes {
		return "", errTooLong
	}
	if !utf8.ValidString(password) { // precis would replace all invalid bytes with the same character
		return "", errors.New("a password must be UTF-8 text")
	}
	normalized, err := precis.OpaqueString.String(password)
	if err != nil {
		return "", errors.New("a password must not contain control or formatting characters (RFC 8265)")
	}
	if len(normalized) > maxBytes {
		return "", errTooLong
	}
	return normalized, nil
}

// CheckPolicy checks a new password: it must be valid for [Normalize], have 8 to 256 characters and not be a common
// password. There is no rule about kinds of characters, since that makes people choose "Password1!" (NIST SP 800-63B
// §5.1.1.2). It returns an error that describes the rule; the error does not contain the password.
func CheckPolicy(password string) error {
	normalized, err := Normalize(password)
	if err != nil {
		return err
	}
	if n := utf8.RuneCountInString(normalized); n < minCodePoints || n > maxCodePoints {
		return errors.New("a password must have 8 to 256 characters")
	}
	if isCommon(normalized) {
		return errors.New("this password is too common; choose another one, such as several unrelated words")
	}
	return nil
}
