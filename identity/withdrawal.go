package identity

import (
	"context"
	"time"
)

// Withdrawal is a platform's notice that an account there, or data that users gave through it, may no longer be used.
type Withdrawal struct {
	Kind    string     // of the event that is recorded, such as EventAuthRevoked
	Account AccountKey // the user may be unknown
	What    string     // what the user withdrew, as the platform names it, for the event; "": the kind says it all
	At      time.Time  // when the platform sent it, in whole seconds. Only what existed in that second is affected.
	Data    WithdrawnData
	Ends    bool // the sessions that the account opened end
	// Closed reports that the account no longer exists. A user who has no other way to sign in is deleted when Grace
	// has passed, as by Deletions.RequestDeletion; otherwise the account is removed, as by Accounts.Unlink.
	Closed bool
	Grace  time.Duration
}

// WithdrawnData is which data of a user must be deleted.
type WithdrawnData struct {
	Suggested bool // the profile, if a platform suggested it and the user has not edited it since
	Nickname  bool // also if the user chose it, as the next three
	Picture   bool
	Email     bool
	Address   bool
	Phone     bool
}

// Or returns the data that is in d, in other or in both.
func (d WithdrawnData) Or(other WithdrawnData) WithdrawnData {
	return WithdrawnData{Suggested: d.Suggested || other.Suggested, Nickname: d.Nickname || other.Nickname,
		Picture: d.Picture || other.Picture, Email: d.Email || other.Email, Address: d.Address || other.Address,
		Phone: d.Phone || other.Phone}
}

// Withdrawals applies withdrawals.
type Withdrawals interface {
	// Apply does all that a withdrawal requires and records an event, in one transaction, also if the user is unknown
	// or nothing is left to do. It returns false, and does nothing, for a withdrawal with an id that was applied
	// before. A user who has signed in with the account since Withdrawal.At keeps that session, and the account.
	Apply(ctx context.Context, id [32]byte, withdrawal Withdrawal) (bool, error)
	// Prune forgets at most batch ids of withdrawals that were applied longer than keep ago, and returns how many.
	Prune(ctx context.Context, keep time.Duration, batch int) (int, error)
}

// WithdrawalNotice is a platform's message about a withdrawal, which was acknowledged and is still to be applied.
type WithdrawalNotice struct {
	ID      [32]byte // for Withdrawals.Apply
	Content []byte   // only package pushes reads it
}

// WithdrawalNotices stores the notices that are not applied yet.
type WithdrawalNotices interface {
	// Add stores a notice, in one write. It does nothing if a notice with its id is stored, or a withdrawal with its id
	// was applied.
	Add(ctx context.Context, notice WithdrawalNotice) error
	// Claim returns at most batch notices that are due, and makes them due again as LogoutNotices.Claim does.
	Claim(ctx context.Context, batch int) ([]WithdrawalNotice, error)
	// Delete deletes notices that were applied.
	Delete(ctx context.Context, ids ...[32]byte) error
}
