package identity

import (
	"context"
	"time"
)

// Deletions is what a store does for users who are to be deleted.
type Deletions interface {
	// RequestDeletion notes when a user wants to be gone, counted by the store's clock, and ends all sessions, in one
	// transaction. It returns the instant. A second call changes nothing. ErrNotFound.
	RequestDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error)
	// ScheduleDeletion is RequestDeletion by an operator's word: the user goes also if disabled, before or since,
	// and who is
	// leaving already goes at the earlier of the two instants. ErrNotFound.
	ScheduleDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error)
	// CancelDeletion takes RequestDeletion and ScheduleDeletion back; nothing, if the user was staying.
	// ErrNotFound: there is no such user
	// (any more).
	CancelDeletion(ctx context.Context, id string) error
	// PurgeDeleted deletes up to batch users whose time has come, with all that is theirs; of each, a hash
	// keeps the id from being given again. Events stay, which name only the id. Who left by himself and is
	// disabled stays until he is enabled, or dismissed: else the same accounts would make a user whom nobody
	// has disabled. It returns how many.
	PurgeDeleted(ctx context.Context, batch int) (int, error)
}
