package admin

import (
	"context"
	"errors"
	"strings"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// Merges makes one user of two who are the same person, and takes that back. It is safe for parallel use.
type Merges struct {
	merges   identity.Merges
	sessions identity.Sessions
}

// NewMerges returns what merges users of a store.
func NewMerges(store identity.Merges, sessions identity.Sessions) *Merges {
	return &Merges{store, sessions}
}

// Duplicates returns up to limit pairs of users whom a platform calls one person, in order, behind the pair of a
// [DuplicateCursor]; empty: from the beginning. clients.FieldError of the limit or of after.
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
	Sessions int // of the retired user, which would end
}

// Preview returns what Merge would do, and refuses what it would refuse.
func (m *Merges) Preview(ctx context.Context, actor identity.Actor, retired, survivor string) (MergePreview, error) {
	ctx = identity.WithActor(ctx, actor)
	merge, err := m.merges.Preview(ctx, retired, survivor)
	if err != nil {
		return MergePreview{}, notMerged(err)
	}
	sessions, err := m.sessions.List(ctx, retired)
	return MergePreview{merge.Moved, len(sessions)}, err
}

// Merge retires a user, whose accounts lead to the survivor from then on. RefusedError with identity.ErrExists: they
// cannot be merged as things are; with identity.ErrNotFound: one of them is gone.
func (m *Merges) Merge(ctx context.Context, actor identity.Actor, retired, survivor string) (identity.Merge, error) {
	merge, err := m.merges.Merge(identity.WithActor(ctx, actor), retired, survivor)
	return merge, notMerged(err)
}

// List returns up to limit merges, the newest first. clients.FieldError of the limit.
func (m *Merges) List(ctx context.Context, actor identity.Actor, limit int) ([]identity.Merge, error) {
	if err := checkLimit(limit); err != nil {
		return nil, err
	}
	return m.merges.List(identity.WithActor(ctx, actor), limit)
}

// Undo gives the retired user of a merge back what the survivor still has of theirs, and ends the survivor's sessions;
// see [identity.Merges]. RefusedError with identity.ErrNotFound: there is no such merge, or it was undone; with
// identity.ErrExists: it cannot be undone as things are.
func (m *Merges) Undo(ctx context.Context, actor identity.Actor, id string) (identity.Merge, error) {
	merge, err := m.merges.Undo(identity.WithActor(ctx, actor), id)
	if errors.Is(err, identity.ErrNotFound) {
		return merge, refused(err, "there is no merge %q, or it was undone: see lingpai users merges", id)
	}
	return merge, notMerged(err)
}

// notMerged says why two users stay two, or one stays one.
func notMerged(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, identity.ErrExists):
		if reason, ok := strings.CutPrefix(err.Error(), identity.ErrExists.Error()+": "); ok {
			return refused(err, "these users cannot be merged: %s", reason)
		}
	case errors.Is(err, identity.ErrNotFound):
		return refused(err, "one of the two users has been deleted meanwhile")
	}
	return err
}

// DuplicateView is two users whom a platform calls one person, as operators see them.
type DuplicateView struct {
	Retired      string `json:"retired"`
	Survivor     string `json:"survivor"`
	Platform     string `json:"platform"`
	OpenPlatform string `json:"open_platform"`
	UnionID      string `json:"unionid"`
}

// ViewDuplicate shows a pair in the order in which Merge takes it.
func ViewDuplicate(p identity.Duplicate) DuplicateView {
	return DuplicateView{p.Other, p.Owner, p.Platform, p.OpenPlatform, p.UnionID}
}

// MergeView is a merge as operators see it.
type MergeView struct {
	ID       string `json:"id"`
	Retired  string `json:"retired"`
	Survivor string `json:"survivor"`
	Accounts int    `json:"accounts"` // how many moved; likewise the next
	Unions   int    `json:"unions"`
	Username bool   `json:"username"` // moved, with its password
	At       string `json:"at"`
	UndoneAt string `json:"undone_at,omitempty"`
}

// ViewMerge shows a merge.
func ViewMerge(j identity.Merge) MergeView {
	return MergeView{
		j.ID, j.Retired, j.Survivor, len(j.Moved.Accounts), len(j.Moved.Unions), j.Moved.Username,
		instant(j.At), instant(j.UndoneAt),
	}
}

// DuplicateCursor is where a pair is in the listing of duplicates. Neither platforms, unionids nor subs have a slash in
// them; names of Open Platform accounts may.
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
			Reason: "give what the command printed, such as wechat/main/UNIONID/SUB"}
	}
	return identity.Duplicate{
		Platform: parts[0], OpenPlatform: strings.Join(parts[1:last-1], "/"), UnionID: parts[last-1],
		Other: parts[last],
	}, nil
}
