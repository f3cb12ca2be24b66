package sql

import (
	"cmp"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"strings"
	"sync/atomic"
	"time"
	"unicode/utf8"

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
	Count     int
	LastAt    *int64 // nil: At
}

func (eventRow) TableName() string { return "events" }

// Record implements identity.Events.
func (e *Events) Record(ctx context.Context, event identity.Event) error {
	return e.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error { return recordEvent(tx, now, event) })
}

// withEvent runs do and records the event in the same transaction.
func withEvent(ctx context.Context, db *DB, event identity.Event, do func(tx *gorm.DB, now time.Time) error) error {
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
	acting := identity.ActorFrom(tx.Statement.Context)
	actor, err := actorText(acting)
	if err != nil {
		return err
	}
	if acting.Name == "" && !event.Sampled() {
		if counted, err := countRepeated(tx, now, event); counted || err != nil {
			return err
		}
	}
	id, err := newEventID(now)
	if err != nil {
		return err
	}
	return wrote(tx.Create(&eventRow{ID: id, At: now.UnixMilli(), Kind: event.Kind, UserID: event.UserID,
		ClientID: event.ClientID, SessionID: event.SessionID, Detail: event.Detail, Actor: actor, Count: 1}))
}

// Without an operator, at most repeatLimit rows of one kind are added for a user and client within repeatWindow.
// Further events only increase the count of the last row, so that nobody can fill the database by repeating something.
// Parallel transactions do not see each other's rows, so each of them may add one more.
const (
	repeatLimit  = 10
	repeatWindow = time.Hour
)

// repeatedEvents finds the latest rows that are like an event: those that also have the same first word of the detail,
// such as the reason why a session ended.
const repeatedEvents = `SELECT id FROM events WHERE user_id = ? AND kind = ? AND id > ? AND client_id = ?
	AND substr(detail || ' ', 1, ?) = ? AND (actor IS NULL OR actor NOT LIKE '{"name"%') ORDER BY id DESC LIMIT ?`

// countRepeated counts an event in the last row that is like it, and reports whether it did. If not, the event needs a
// row of its own.
func countRepeated(tx *gorm.DB, now time.Time, event identity.Event) (bool, error) {
	word, _, _ := strings.Cut(event.Detail, " ")
	word += " "
	ids, err := scanAll[string](tx, repeatedEvents, event.UserID, event.Kind, firstEventID(now.Add(-repeatWindow)),
		event.ClientID, utf8.RuneCountInString(word), word, repeatLimit)
	if err != nil || len(ids) < repeatLimit {
		return false, err
	}
	result := tx.Exec("UPDATE events SET count = count + 1, last_at = ? WHERE id = ?", now.UnixMilli(), ids[0])
	return result.RowsAffected == 1, result.Error // 0: pruned meanwhile
}

// eventsMade numbers the events of this process, so that those of one millisecond are in order.
var eventsMade atomic.Uint64

// newEventID returns a UUIDv7 (RFC 9562 §5.7, with a counter of 26 bits, §6.2) for the time of the store's clock: the
// clocks of servers may differ from it, and pruning uses ids.
func newEventID(now time.Time) (string, error) {
	id, err := uuid.NewRandom()
	number := eventsMade.Add(1)
	binary.BigEndian.PutUint64(id[:], uint64(now.UnixMilli())<<16|7<<12|number>>14&0xfff)
	binary.BigEndian.PutUint16(id[8:], 2<<14|uint16(number&0x3fff))
	return id.String(), err
}

// firstEventID returns a text that is before the ids of all events since a time, and after those of earlier events.
func firstEventID(since time.Time) string {
	milliseconds := max(since.UnixMilli(), 0)
	return fmt.Sprintf("%08x-%04x", milliseconds>>16, milliseconds&0xffff)
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
		SessionID: r.SessionID, Detail: r.Detail, Count: r.Count, LastAt: instant(cmp.Or(r.LastAt, &r.At))}
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

// Prune implements identity.Events. Ids are in the order of time, so the primary key finds the oldest events. Earlier
// versions made ids by the clock of the server, which may have been wrong, so the time decides, too.
func (e *Events) Prune(ctx context.Context, keep time.Duration, batch int) (int, error) {
	pruned := 0
	err := e.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		before := now.Add(-keep)
		ids, err := scanAll[string](tx, "SELECT id FROM events WHERE id < ? AND coalesce(last_at, at) < ? ORDER BY id "+
			"LIMIT ?", firstEventID(before), before.UnixMilli(), batch)
		if err != nil {
			return err
		}
		result := tx.Exec("DELETE FROM events WHERE id IN ?", ids)
		pruned = int(result.RowsAffected)
		return result.Error
	})
	return pruned, err
}
