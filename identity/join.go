package identity

import (
	"context"
	"time"
)

// Twins are two users whose accounts a platform calls the same person's, and who became two because an app
// was bound to its Open Platform account only after both had signed in.
type Twins struct {
	Platform, OpenPlatform, UnionID string
	Owner                           string // of the union: who would survive
	Other                           string
}

// Join is one user who was retired because another one turned out to be the same person.
type Join struct {
	ID       string
	Retired  string
	Survivor string
	Moved    Moved
	At       time.Time
	UndoneAt time.Time // zero: holds
	Doubts   []string  // from Undo alone: sentences on what may be the wrong person's now, which an operator must judge
}

// Moved is what went from the retired user to the survivor. Roles, claims, profile and phone number do not:
// what a person may do is not the sum of what two could. Subject and union id are blank of what no join needs
// to know any more: of accounts that were unlinked since, and of all once the join was undone.
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

// Joins is what a store does for users who turn out to be one person.
type Joins interface {
	// Twins returns pairs that may be joined, after a pair, in order: at most limit.
	Twins(ctx context.Context, after Twins, limit int) ([]Twins, error)
	// Preview returns what Join would do, and writes nothing. Errors as of Join.
	Preview(ctx context.Context, retired, survivor string) (Join, error)
	// Join retires a user: accounts and unions go to the survivor, both users' epochs move, the retired one's
	// sessions end, and its id resolves to the survivor from then on (User.JoinedInto) and is nobody else's
	// ever. One transaction, and an event. ErrNotFound: one of them is not there. ErrExists: they are one
	// already, one is retired, or both have an account at the same app.
	Join(ctx context.Context, retired, survivor string) (Join, error)
	// Undo gives everything back that a join moved and that the survivor still has, and ends the survivor's
	// sessions. With it go unions that accounts which moved brought the survivor since, and accounts that
	// came to the survivor since by any union that goes back: a wrong join leaves nobody with a way into the
	// other's account. What the survivor had before stays. A name goes back with its password only if that is
	// as it was when it moved, by its hash, and else without any. Doubts name what else came since: the
	// survivor's other new accounts, its own password if that is not the one from before, and a wish to be
	// deleted. What it returns as moved is what went back. ErrNotFound: there is no such join, or it was
	// undone. ErrExists: what was joined after it must be undone before.
	Undo(ctx context.Context, id string) (Join, error)
	// List returns the newest joins first, at most limit.
	List(ctx context.Context, limit int) ([]Join, error)
}
