package sql

import (
	"context"
	"encoding/json"
	"time"

	"github.com/google/uuid"
	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// Events implements identity.Events.
type Events struct{ db *DB }

var _ identity.Events = (*Events)(nil)

// Events returns the store of the audit log.
func (db *DB) Events() *Events { return &Events{db} }

type eventRow struct {
	ID        string
	At        int64
	Kind      string
	UserID    string
	ClientID  string
	SessionID string
	Detail    string
	Actor     *string // a JSON object; nil: the zero Actor
}

func (eventRow) TableName() string { return "events" }

// Record implements identity.Events.
func (e *Events) Record(ctx context.Context, event identity.Event) error {
	now, err := e.db.Clock(ctx)
	if err != nil {
		return err
	}
	return recordEvent(e.db.write.WithContext(ctx), now, event)
}

// withEvent runs do and records the event in the same transaction.
func (db *DB) withEvent(ctx context.Context, event identity.Event, do func(tx *gorm.DB, now time.Time) error) error {
	return db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		if err := do(tx, now); err != nil {
			return err
		}
		return recordEvent(tx, now, event)
	})
}

// recordEvent records an event, with the actor of the context. tx is the transaction of the change that it describes.
func recordEvent(tx *gorm.DB, now time.Time, event identity.Event) error {
	if err := storable(event.Kind, event.UserID, event.ClientID, event.SessionID, event.Detail); err != nil {
		return err
	}
	id, err := uuid.NewV7()
	if err != nil {
		return err
	}
	actor, err := actorText(identity.ActorFrom(tx.Statement.Context))
	if err != nil {
		return err
	}
	return wrote(tx.Create(&eventRow{id.String(), now.UnixMilli(), event.Kind, event.UserID, event.ClientID,
		event.SessionID, event.Detail, actor}))
}

// actorText returns an actor as the column stores it.
func actorText(actor identity.Actor) (*string, error) {
	if actor == (identity.Actor{}) {
		return nil, nil
	}
	if err := storable(actor.Name, actor.Address, actor.RequestID); err != nil {
		return nil, err
	}
	text, err := json.Marshal(actor)
	if err != nil {
		return nil, err
	}
	return new(string(text)), nil
}

func (r eventRow) event() (identity.Event, error) {
	event := identity.Event{At: instant(&r.At), Kind: r.Kind, UserID: r.UserID, ClientID: r.ClientID,
		SessionID: r.SessionID, Detail: r.Detail}
	if r.Actor == nil {
		return event, nil
	}
	return event, json.Unmarshal([]byte(*r.Actor), &event.Actor)
}

// List implements identity.Events.
func (e *Events) List(ctx context.Context, of identity.EventsOf, limit int) ([]identity.Event, error) {
	if storable(of.Kind, of.UserID, of.ClientID, of.SessionID) != nil {
		return nil, nil
	}
	var rows []eventRow
	asked := eventRow{Kind: of.Kind, UserID: of.UserID, ClientID: of.ClientID, SessionID: of.SessionID}
	// conditions are the fields that are set
	err := e.db.read.WithContext(ctx).Where(&asked).Order("id DESC").Limit(limit).Find(&rows).Error
	events := make([]identity.Event, len(rows))
	for n, r := range rows {
		var failed error
		if events[n], failed = r.event(); failed != nil {
			return nil, failed
		}
	}
	return events, ended(ctx, err)
}
