package admin

import (
	"cmp"
	"context"
	"errors"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// maxEvents bounds how many events are read at once.
const maxEvents = 100_000

// Events reads the audit log. It is safe for parallel use.
type Events struct {
	events identity.Events
	users  *Users
}

// NewEvents returns what reads the audit log of a store.
func NewEvents(store identity.Events, users *Users) *Events { return &Events{store, users} }

// List returns the newest events first, at most limit. of.UserID may be a user name, or the id of a user who was
// deleted: those are in the log all the same. clients.FieldError of the limit; RefusedError as of [Users.Find];
// UnknownError: there is neither such a user nor an event.
func (e *Events) List(ctx context.Context, actor identity.Actor, of identity.EventsOf,
	limit int) ([]identity.Event, error) {
	if limit < 1 || limit > maxEvents {
		return nil, clients.FieldError{Field: "limit", Reason: "1 to 100000"}
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

// EventView is an event as operators see it.
type EventView struct {
	At        string `json:"at"`
	Kind      string `json:"kind"`
	UserID    string `json:"sub,omitempty"`
	ClientID  string `json:"client_id,omitempty"`
	SessionID string `json:"sid,omitempty"`
	Detail    string `json:"detail,omitempty"`
	// Actor is who acted; nil: the user, or a server by itself.
	Actor *identity.Actor `json:"actor,omitempty"`
}

// ViewEvent shows an event.
func ViewEvent(e identity.Event) EventView {
	view := EventView{At: instant(e.At), Kind: e.Kind, UserID: e.UserID, ClientID: e.ClientID, SessionID: e.SessionID,
		Detail: e.Detail}
	if e.Actor != (identity.Actor{}) {
		view.Actor = &e.Actor
	}
	return view
}
