package identity

import (
	"context"
	"time"
)

// Duplicate is a pair of users whose accounts belong to the same person according to a platform. They became two
// users because an app was bound to its Open Platform account only after both had signed in.
type Duplicate struct {
	Platform, OpenPlatform, UnionID string
	Owner                           string // the user who has the union, and would survive a merge
	Other                           string
}

// Merge records that one user was retired because another one is the same person.
type Merge struct {
	ID       string
	Retired  string
	Survivor string
	Moved    Moved
	At       time.Time
	UndoneAt time.Time // zero: not undone
	Warnings []string  // only from Undo: what may now belong to the wrong person, in sentences for an operator to judge
}

// Moved is what moved from the retired user to the survivor. Roles, claims, profile and phone number do not move: one
// person must not get the permissions of two users. Subjects and union ids are erased when they are no longer
// needed: those of an account when it is unlinked, and those of all accounts when the merge is undone.
type Moved struct {
	Accounts []AccountKey `json:"accounts,omitempty"`
	Unions   []Union      `json:"unions,omitempty"`
	Username bool         `json:"username,omitempty"` // with the password, if the survivor had neither
}

// Union identifies a person across the apps of one Open Platform account.
type Union struct {
	Platform     string `json:"platform"`
	OpenPlatform string `json:"open_platform"`
	UnionID      string `json:"union_id"`
}

// Merges stores merges of users who are the same person.
type Merges interface {
	// Duplicates returns at most limit pairs that may be merged, in a fixed order, beginning with the one that follows
	// the pair after.
	Duplicates(ctx context.Context, after Duplicate, limit int) ([]Duplicate, error)
	// Preview returns what Merge would do, and writes nothing. Its errors are those of Merge.
	Preview(ctx context.Context, retired, survivor string) (Merge, error)
	// Merge retires a user in one transaction, and records an event. Accounts and unions move to the survivor, the
	// epochs of both users grow, and the retired user's sessions end. The retired user's id is never reused and
	// resolves to the survivor (User.MergedInto). It returns ErrNotFound if one of the users does not exist, and
	// ErrExists if they are merged already, if one of them is retired, or if both have an account at the same app.
	Merge(ctx context.Context, retired, survivor string) (Merge, error)
	// Undo gives back everything that a merge moved and that the survivor still has, and ends the survivor's
	// sessions. It also gives back the unions that the survivor has since gained through accounts that moved, and the
	// accounts that the survivor has since gained through a union that is given back: after a wrong merge neither
	// user can get into the other's account. What the survivor had before stays. A user name is given back with its
	// password only if the password's hash is the one that moved, and otherwise without a password. Warnings lists what
	// else the survivor has since gained: other new accounts, a password of their own that differs from the one
	// before the merge, and a request for deletion. The Moved field of the result is what was given back. It returns
	// ErrNotFound if there is no such merge or it was undone, and ErrExists if a later merge must be undone first.
	Undo(ctx context.Context, id string) (Merge, error)
	// List returns at most limit merges, the newest first.
	List(ctx context.Context, limit int) ([]Merge, error)
}
