package sql

import (
	"errors"
	"strings"
	"time"
	"unicode/utf8"
)

// storable refuses texts that a database would: NUL and invalid UTF-8.
func storable(texts ...string) error {
	for _, text := range texts {
		if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
			return errors.New("a text to store has a NUL or is not UTF-8")
		}
	}
	return nil
}

// millis is an instant as it is stored: NULL for zero.
func millis(t time.Time) *int64 {
	if t.IsZero() {
		return nil
	}
	ms := t.UnixMilli()
	return &ms
}

// instant is the inverse of millis.
func instant(ms *int64) time.Time {
	if ms == nil {
		return time.Time{}
	}
	return time.UnixMilli(*ms)
}
