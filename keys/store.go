package keys

import (
	"context"
	"time"
)

// Purpose says what a stored key is for.
type Purpose string

// The purposes there are.
const (
	Signing Purpose = "signing" // an RSA key that signs tokens
	Refresh Purpose = "refresh" // a secret under which refresh tokens are made
)

// Record is a key as it is stored: sealed. An instant that is zero has not come.
type Record struct {
	Purpose     Purpose
	Sequence    int    // 1, 2, 3 … of its purpose
	ID          string // kid of a signing key; hexadecimal of a refresh secret's id
	Sealed      []byte
	CreatedAt   time.Time
	AnnouncedAt time.Time // published from here on
	SigningAt   time.Time // used from here on
	RetiredAt   time.Time // only verifies from here on
	GoneAt      time.Time // not even that
}

// Store keeps records.
type Store interface {
	// Keys returns all records, in no particular order.
	Keys(ctx context.Context) ([]Record, error)
	// AddKey adds a record, and reports false, adding nothing, when its purpose has that sequence already: of any number of replicas
	// that make the next key at once, one wins.
	AddKey(ctx context.Context, record Record) (bool, error)
}
