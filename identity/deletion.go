package identity

import (
	"context"
	"time"
)

// Deletions stores requests to delete users, and deletes users.
type Deletions interface {
	// RequestDeletion schedules the deletion of a user at that user's request. It is due when grace has passed by the
	// store's clock. In the same transaction it ends all sessions of the user. It returns the time of the deletion. A
	// second call changes nothing. It returns ErrNotFound for an unknown user.
	RequestDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error)
	// ScheduleDeletion is RequestDeletion by an operator. The user is deleted even if they are disabled before or after
	// the call. If a deletion is already scheduled, the earlier of the two times is used. It returns ErrNotFound for an
	// unknown user.
	ScheduleDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error)
	// CancelDeletion reverses RequestDeletion and ScheduleDeletion. It does nothing if no deletion is scheduled. It
	// returns ErrNotFound for an unknown or deleted user.
	CancelDeletion(ctx context.Context, id string) error
	// PurgeDeleted deletes up to batch users whose deletion is due, with all their data, and returns how many. A hash
	// of each user's id remains, so that the id is never reused. Events remain; they contain only the id. A disabled
	// user who asked for the deletion is kept until enabled, or until ScheduleDeletion; otherwise the same accounts
	// could sign in as a new user who is not disabled.
	PurgeDeleted(ctx context.Context, batch int) (int, error)
}
