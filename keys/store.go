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

// ActionKind says what somebody did to keys.
type ActionKind string

// The actions there are.
const (
	ActionRotate ActionKind = "rotate"
	ActionRevoke ActionKind = "revoke"
	ActionImport ActionKind = "import"
	ActionRewrap ActionKind = "rewrap"
)

// Action is what somebody did to keys, for the audit log. The zero value is what servers do by themselves.
type Action struct {
	Kind ActionKind
	ID   string // of the key that was revoked, imported, or is used now; of the master key that seals them all now
}

// Change is what becomes of records.
type Change struct {
	Records []Record // those that are new, and those that change
	Action  Action
}

// Store keeps records.
type Store interface {
	// Keys returns all records, in no particular order.
	Keys(ctx context.Context) ([]Record, error)
	// Update shows all records to plan, and writes those that it returns, each in the place of its purpose
	// and sequence, and the action, if there is one, into the audit log. It is one step: nobody else changes a
	// record meanwhile, and all of it is written or nothing. plan is given the store's clock, and may be called
	// more than once.
	Update(ctx context.Context, plan func(now time.Time, records []Record) (Change, error)) error
}
