package admin

import (
	"context"
	"errors"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Merges merges users who are the same person, and undoes merges. It is safe for concurrent use.
type Merges struct {
	merges   identity.Merges
	sessions identity.Sessions
}

// NewMerges returns a Merges for a store.
func NewMerges(store identity.Merges, sessions identity.Sessions) *Merges {
	return &Merges{store, sessions}
}

// Duplicates returns up to limit pairs of users that are the same person according to a platform. It returns those
// after the pair of a [DuplicateCursor]; "" means from the beginning. It returns clients.FieldError if limit is less
// than 1 or after is malformed.
func (m *Merges) Duplicates(ctx context.Context, actor identity.Actor, after string,
	limit int) ([]identity.Duplicate, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	from, err := parseDuplicateCursor(after)
	if err != nil {
		return nil, err
	}
	return m.merges.Duplicates(identity.WithActor(ctx, actor), from, limit)
}

// MergePreview is what a merge would do.
type MergePreview struct {
	Moved    identity.Moved
	Sessions int // sessions of the retired user that would end
}

// Preview returns what Merge would do, or its errors.
func (m *Merges) Preview(ctx context.Context, actor identity.Actor, retired, survivor string) (MergePreview, error) {
	ctx = identity.WithActor(ctx, actor)
	merge, err := m.merges.Preview(ctx, retired, survivor)
	if err != nil {
		return MergePreview{}, notMerged(err)
	}
	sessions, err := m.sessions.List(ctx, retired)
	return MergePreview{merge.Moved, len(sessions)}, err
}

// Merge merges the user retired into the user survivor, who gets the accounts. It returns RefusedError with
// identity.ErrExists if they cannot be merged in their current state, and with identity.ErrNotFound if one of them has
// been deleted.
func (m *Merges) Merge(ctx context.Context, actor identity.Actor, retired, survivor string) (identity.Merge, error) {
	merge, err := m.merges.Merge(identity.WithActor(ctx, actor), retired, survivor)
	return merge, notMerged(err)
}

// List returns up to limit merges, the newest first. It returns clients.FieldError if limit is less than 1.
func (m *Merges) List(ctx context.Context, actor identity.Actor, limit int) ([]identity.Merge, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return m.merges.List(identity.WithActor(ctx, actor), limit)
}

// Undo undoes a merge: it moves back what came from the retired user and the survivor still has, and ends the
// survivor's sessions; see [identity.Merges]. It returns RefusedError with identity.ErrNotFound if there is no such
// merge or it was undone, and with identity.ErrExists if it cannot be undone in the current state.
func (m *Merges) Undo(ctx context.Context, actor identity.Actor, id string) (identity.Merge, error) {
	merge, err := m.merges.Undo(identity.WithActor(ctx, actor), id)
	if errors.Is(err, identity.ErrNotFound) {
		return merge, refused(err, "there is no merge %q, or it was undone: see lingpai users merges", id)
	}
	return merge, notMerged(err)
}

// notMerged converts a store's error of a merge or its undoing.
func notMerged(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrExists):
		if reason, ok := strings.CutPrefix(err.Error(), identity.ErrExists.Error()+": "); ok {
			return refused(err, "these users cannot be merged: %s", reason)
		}
	case errors.Is(err, identity.ErrNotFound):
		return refused(err, "one of the two users has been deleted in the meantime")
	}
	return err
}

// DuplicateView is a pair of users that are the same person according to a platform, in the form that operators see.
type DuplicateView struct {
	Retired      string `json:"retired"`
	Survivor     string `json:"survivor"`
	Platform     string `json:"platform"`
	OpenPlatform string `json:"open_platform"`
	UnionID      string `json:"unionid"`
}

// ViewDuplicate returns the view of a pair. Retired and Survivor are the arguments for Merge.
func ViewDuplicate(p identity.Duplicate) DuplicateView {
	return DuplicateView{p.Other, p.Owner, p.Platform, p.OpenPlatform, p.UnionID}
}

// MergeView is a merge in the form that operators see.
type MergeView struct {
	ID       string `json:"id"`
	Retired  string `json:"retired"`
	Survivor string `json:"survivor"`
	Accounts int    `json:"accounts"` // number of accounts that moved
	Unions   int    `json:"unions"`   // number of unionids that moved
	Username bool   `json:"username"` // reports whether the user name and password moved
	At       string `json:"at"`
	UndoneAt string `json:"undone_at,omitempty"`
}

// ViewMerge returns the view of a merge.
func ViewMerge(m identity.Merge) MergeView {
	return MergeView{
		m.ID, m.Retired, m.Survivor, len(m.Moved.Accounts), len(m.Moved.Unions), m.Moved.Username,
		instant(m.At), instant(m.UndoneAt),
	}
}

// DuplicateCursor returns the position of a pair in the list of duplicates. Platforms, unionids and subs do not contain
// slashes; names of Open Platform accounts may.
func DuplicateCursor(p identity.Duplicate) string {
	return p.Platform + "/" + p.OpenPlatform + "/" + p.UnionID + "/" + p.Other
}

func parseDuplicateCursor(text string) (identity.Duplicate, error) {
	parts := strings.Split(text, "/")
	last := len(parts) - 1
	switch {
	case text == "":
		return identity.Duplicate{}, nil
	case last < 3:
		return identity.Duplicate{}, clients.FieldError{Field: "after",
			Reason: "use the value that the command printed, such as wechat/main/UNIONID/SUB"}
	}
	return identity.Duplicate{
		Platform: parts[0], OpenPlatform: strings.Join(parts[1:last-1], "/"), UnionID: parts[last-1],
		Other: parts[last],
	}, nil
}
