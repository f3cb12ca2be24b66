package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/uuid"
)

// bulkWords are where dialects differ when many rows are written.
type bulkWords struct {
	list   string // the first value, a JSON array, as rows
	second string // the second value
}

// likeAnother is what a bulk session has in common with a real one, which is all but its id, its user and
// what must be unique.
const likeAnother = `account_platform, account_app, account_subject, client_id, scope, method, auth_time, generation, rotations, secret_hash,
	idle_expires_at, expires_at, last_seen_at, device`

// userOfSession makes a user's id of a session's, as long and as random as a real one.
const userOfSession = `'u_' || substr(replace(made.value, '-', ''), 17, 16) || substr(replace(made.value, '-', ''), 7, 6)`

// bulk writes sessions in great number beside real ones. The server cannot refresh them, since it did not
// make their tokens, but it has to look past them.
type bulk struct {
	database        *sql.DB
	users, sessions string // statements
	like            string // the id of the session that they are like
}

// newBulk begins after one session was refreshed so often that its row has its full size.
func newBulk(ctx context.Context, s store) (*bulk, error) {
	database, words, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	from := " FROM " + words.list + " AS made, sessions WHERE sessions.id = " + words.second
	b := &bulk{
		database: database,
		users:    "INSERT INTO users (id, created_at) SELECT " + userOfSession + ", auth_time" + from,
		sessions: "INSERT INTO sessions (id, user_id, " + likeAnother + ") SELECT made.value, " + userOfSession +
			", " + likeAnother + from,
	}
	const fullest = "SELECT id FROM sessions ORDER BY generation DESC LIMIT 1"
	if err := database.QueryRowContext(ctx, fullest).Scan(&b.like); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return b, nil
}

// write adds so many sessions, whose ids are made now, as those of real ones are.
func (b *bulk) write(ctx context.Context, count int) error {
	if count == 0 {
		return nil
	}
	ids := make([]string, count)
	for n := range ids {
		ids[n] = uuid.Must(uuid.NewV7()).String()
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	transaction, err := b.database.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = transaction.Rollback() }() // does nothing after a commit
	for _, statement := range []string{b.users, b.sessions} {
		if _, err := transaction.ExecContext(ctx, statement, string(list), b.like); err != nil {
			return fmt.Errorf("%.40s…: %w", strings.TrimSpace(statement), err)
		}
	}
	return transaction.Commit()
}

// fill signs sessions in, with as many bulk sessions between them as the store is to have, and returns the real ones.
func (h *house) fill(ctx context.Context, endpoint *url.URL, measured int) ([]*holder, error) {
	first, err := signInAll(ctx, endpoint, h, 1)
	if err != nil {
		return nil, err
	}
	first[0].next = refresh(h, endpoint)
	if err := (&wanderer{sessions: first}).refreshAll(endpoint); err != nil {
		return nil, err
	}
	bulk, err := newBulk(ctx, h.store)
	if err != nil {
		return nil, err
	}
	defer bulk.database.Close()
	there, err := h.store.look(ctx)
	if err != nil {
		return nil, err
	}
	missing := max(0, h.report.Stored-int(there.Sessions)-measured+1)
	sessions := first
	for n := 1; n < measured; n++ {
		if err := bulk.write(ctx, missing*n/(measured-1)-missing*(n-1)/(measured-1)); err != nil {
			return nil, err
		}
		next, err := signInAll(ctx, endpoint, h, 1)
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, next...)
	}
	return sessions, nil
}
