package keys

import (
	"context"
	"time"
)

// Purpose is the purpose of a stored key.
type Purpose string

// The purposes of keys.
const (
	Signing Purpose = "signing" // an RSA key that signs tokens
	Refresh Purpose = "refresh" // an HMAC secret for refresh tokens
)

// Record is a stored key. A zero time is not set yet.
type Record struct {
	Purpose     Purpose
	Sequence    int    // 1, 2, 3 … of its purpose
	ID          string // kid of a signing key; hexadecimal of a refresh secret's id
	Sealed      []byte
	CreatedAt   time.Time
	AnnouncedAt time.Time // published from then on
	SigningAt   time.Time // in use from then on
	RetiredAt   time.Time // only verifies from then on
	GoneAt      time.Time // no longer used from then on
}

// ActionKind is the kind of an [Action].
type ActionKind string

// The kinds of actions.
const (
	ActionRotate ActionKind = "rotate"
	ActionRevoke ActionKind = "revoke"
	ActionImport ActionKind = "import"
	ActionRewrap ActionKind = "rewrap"
)

// Action is an operator's change of keys, for the audit log. The zero value is a change by a server.
type Action struct {
	Kind ActionKind
	ID   string // of the revoked or imported key, or the one now in use; for ActionRewrap of the master key
}

// Change is a change of records.
type Change struct {
	Records []Record // new and changed ones
	Action  Action
}

// Store stores records.
type Store interface {
	// Keys returns all records, in no particular order.
	Keys(ctx context.Context) ([]Record, error)
	// Update calls plan with all records and the time by the store's clock. It writes the records that plan returns,
	// identified by purpose and sequence, and the action, if any, to the audit log. It is one transaction: nobody
	// else changes a record at the same time, and either everything is written or nothing. plan may be called more
	// than once.
	Update(ctx context.Context, plan func(now time.Time, records []Record) (Change, error)) error
}
