package accounts

import (
	"context"
	"time"
)

// RequestDeletion schedules the deletion of the caller after the grace period, and returns its time. It ends all
// sessions, including the current one. See [Accounts] for its errors.
func (a *Accounts) RequestDeletion(ctx context.Context, c Caller, p Proof) (time.Time, error) {
	user, err := a.enter(ctx, c)
	if err != nil {
		return time.Time{}, err
	}
	if err := a.prove(ctx, c, user, p); err != nil {
		return time.Time{}, err
	}
	deletesAt, err := a.deletions.RequestDeletion(ctx, user.ID, a.grace)
	if err != nil {
		return time.Time{}, userFailed(err)
	}
	return deletesAt, nil
}
