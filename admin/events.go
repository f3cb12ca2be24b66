package admin

import (
	"cmp"
	"context"
	"errors"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// maxEvents is the maximum number of events that List returns.
const maxEvents = 100_000

// Events reads the audit log. It is safe for concurrent use.
type Events struct {
	events identity.Events
	users  *Users
}

// NewEvents returns an Events for a store.
func NewEvents(store identity.Events, users *Users) *Events { return &Events{store, users} }

// List returns at most limit events, the newest first. of.UserID may be a user name, or the id of a deleted user. List
// returns clients.FieldError if the limit is not between 1 and 100,000, UnknownError if there is neither such a user
// nor an event, and the RefusedError of [Users.Find].
func (e *Events) List(ctx context.Context, actor identity.Actor, of identity.EventsOf,
	limit int) ([]identity.Event, error) {
	if limit < 1 || limit > maxEvents {
		return nil, clients.FieldError{Field: "limit", Reason: "must be 1 to 100000"}
	}
	var notFound error
	if of.UserID != "" {
		var user identity.User
		user, notFound = e.users.Find(ctx, actor, of.UserID)
		of.UserID = cmp.Or(user.ID, of.UserID)
	}
	events, err := e.events.List(identity.WithActor(ctx, actor), of, limit)
	if err != nil {
		return nil, err
	}
	if notFound != nil && !errors.Is(notFound, identity.ErrNotFound) {
		return nil, notFound
	}
	if len(events) == 0 && notFound != nil {
		return nil, notFound
	}
	return events, nil
}

// EventView is an event in the form that operators see.
type EventView struct {
	At        string `json:"at"`
	Kind      string `json:"kind"`
	UserID    string `json:"sub,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	SessionID string `json:"sid,omitempty"`
	Detail    string `json:"detail,omitempty"`
	// Actor is the operator who acted; nil if it was the user or the server itself.
	Actor *identity.Actor `json:"actor,omitempty"`
	// Count is how many events the row stands for, if they were repeated often. The other members are those of the
	// first of them, and LastAt is the time of the last.
	Count  int    `json:"count"`
	LastAt string `json:"last_at,omitempty"` // empty if Count is 1
}

// ViewEvent returns the view of an event.
func ViewEvent(e identity.Event) EventView {
	view := EventView{At: instant(e.At), Kind: e.Kind, UserID: e.UserID, ClientID: e.ClientID, SessionID: e.SessionID,
		Detail: e.Detail, Count: e.Count}
	if e.Count > 1 {
		view.LastAt = instant(e.LastAt)
	}
	if e.Actor != (identity.Actor{}) {
		view.Actor = &e.Actor
	}
	return view
}
