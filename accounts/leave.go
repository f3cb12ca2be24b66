package accounts

import (
	"context"
	"time"
)

// RequestDeletion has the caller deleted after the time of grace, and returns when that is. It ends all sessions, this
// one too. The refusals of caller and proof; oauth.TemporarilyUnavailable.
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
