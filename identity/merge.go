package identity

import (
	"context"
	"time"
)

// Duplicate are two users whose accounts a platform calls the same person's, and who became two because an app
// was bound to its Open Platform account only after both had signed in.
type Duplicate struct {
	Platform, OpenPlatform, UnionID string
	Owner                           string // of the union: who would survive
	Other                           string
}

// Merge is one user who was retired because another one turned out to be the same person.
type Merge struct {
	ID       string
	Retired  string
	Survivor string
	Moved    Moved
	At       time.Time
	UndoneAt time.Time // zero: holds
	Doubts   []string  // from Undo alone: sentences on what may be the wrong person's now, which an operator must judge
}

// Moved is what went from the retired user to the survivor. Roles, claims, profile and phone number do not:
// what a person may do is not the sum of what two could. Subject and union id are blank of what no merge needs
// to know any more: of accounts that were unlinked since, and of all once the merge was undone.
type Moved struct {
	Accounts []AccountKey `json:"accounts,omitempty"`
	Unions   []Union      `json:"unions,omitempty"`
	Username bool         `json:"username,omitempty"` // with the password, if the survivor had neither
}

// Union names a person across the apps of one Open Platform account.
type Union struct {
	Platform     string `json:"platform"`
	OpenPlatform string `json:"open_platform"`
	UnionID      string `json:"union_id"`
}

// Merges is what a store does for users who turn out to be one person.
type Merges interface {
	// Duplicate returns pairs that may be joined, after a pair, in order: at most limit.
	Duplicates(ctx context.Context, after Duplicate, limit int) ([]Duplicate, error)
	// Preview returns what Merge would do, and writes nothing. Errors as of Merge.
	Preview(ctx context.Context, retired, survivor string) (Merge, error)
	// Merge retires a user: accounts and unions go to the survivor, both users' epochs move, the retired one's
	// sessions end, and its id resolves to the survivor from then on (User.MergedInto) and is nobody else's
	// ever. One transaction, and an event. ErrNotFound: one of them is not there. ErrExists: they are one
	// already, one is retired, or both have an account at the same app.
	Merge(ctx context.Context, retired, survivor string) (Merge, error)
	// Undo gives everything back that a merge moved and that the survivor still has, and ends the survivor's
	// sessions. With it go unions that accounts which moved brought the survivor since, and accounts that
	// came to the survivor since by any union that goes back: a wrong merge leaves nobody with a way into the
	// other's account. What the survivor had before stays. A name goes back with its password only if that is
	// as it was when it moved, by its hash, and else without any. Doubts name what else came since: the
	// survivor's other new accounts, its own password if that is not the one from before, and a wish to be
	// deleted. What it returns as moved is what went back. ErrNotFound: there is no such merge, or it was
	// undone. ErrExists: what was joined after it must be undone before.
	Undo(ctx context.Context, id string) (Merge, error)
	// List returns the newest joins first, at most limit.
	List(ctx context.Context, limit int) ([]Merge, error)
}
