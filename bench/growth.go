package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
	"sync"

	"github.com/google/uuid"
)

const (
	// maxMeasured limits the sessions of a store that are refreshed. They are spread among the others, so that
	// refreshes find and change pages all over a large store.
	maxMeasured = 900
	// rotations is how many refreshes a session remembers: then its row has its full size.
	rotations = 8
)

// growthBenchmarks fills the server's store, and returns a benchmark that refreshes random sessions. Their number is
// the same in every store.
func growthBenchmarks(ctx context.Context, o options, s *server) ([]*benchmark, error) {
	endpoint, err := s.endpoint()
	if err != nil {
		return nil, err
	}
	sessions, err := s.fill(ctx, endpoint, min(maxMeasured, o.sizes[0]*9/10))
	if err != nil {
		return nil, fmt.Errorf("filling the store: %w", err)
	}
	refreshers := make([]*randomRefresher, o.connections[0])
	w := &workload{name: refreshName, target: endpoint, token: func() string { return sessions[0].AccessToken }}
	for n := range refreshers {
		refreshers[n] = &randomRefresher{}
		w.clients = append(w.clients, refreshers[n])
	}
	for n, session := range sessions {
		session.next = refresh(s, endpoint)
		own := refreshers[n%len(refreshers)]
		own.sessions = append(own.sessions, session)
	}
	if err := growRows(endpoint, refreshers); err != nil {
		return nil, err
	}
	return []*benchmark{w.benchmark(s)}, s.store.maintain(ctx)
}

// randomRefresher refreshes its sessions in random order.
type randomRefresher struct {
	sessions []*holder
	current  *holder
}

func (w *randomRefresher) request() ([]byte, error) {
	w.current = w.sessions[rand.IntN(len(w.sessions))]
	return w.current.request()
}

func (w *randomRefresher) answered(a answer) ([]byte, error) { return w.current.answered(a) }

// growRows refreshes every session until its row has its full size.
func growRows(endpoint *url.URL, refreshers []*randomRefresher) error {
	problems := make([]error, len(refreshers))
	var running sync.WaitGroup
	for n, w := range refreshers {
		running.Go(func() { problems[n] = w.refreshAll(endpoint) })
	}
	running.Wait()
	return errors.Join(problems...)
}

func (w *randomRefresher) refreshAll(endpoint *url.URL) error {
	connection, err := dial(endpoint.Host)
	if err != nil {
		return err
	}
	defer connection.raw.Close()
	for range rotations {
		for _, session := range w.sessions {
			if err := session.ask(connection); err != nil {
				return err
			}
		}
	}
	return nil
}

// bulkWords are the differences between SQL dialects for bulk inserts.
type bulkWords struct {
	list   string // the first value, a JSON array, as rows
	second string // the second value
}

// sharedColumns are the columns that a bulk session copies from a real one: all except its id, its user and unique
// columns.
const sharedColumns = `account_platform, account_app, account_subject, client_id, scope, method,
	auth_time, generation, rotations, secret_hash, idle_expires_at, expires_at, last_seen_at, device`

// userOfSession derives a user's id from a session's, as long and as random as a real one.
const userOfSession = `'u_' || substr(replace(made.value, '-', ''), 17, 16) ||
	substr(replace(made.value, '-', ''), 7, 6)`

// bulk inserts many sessions besides the real ones. The server cannot refresh them, since it did not issue their
// tokens, but they enlarge the tables and indexes.
type bulk struct {
	database        *sql.DB
	users, sessions string // statements
	like            string // the id of the session that is copied
}

// newBulk copies the session with the most refreshes, whose row has its full size.
func newBulk(ctx context.Context, s store) (*bulk, error) {
	database, words, err := s.open(ctx)
	if err != nil {
		return nil, err
	}
	from := " FROM " + words.list + " AS made, sessions WHERE sessions.id = " + words.second
	b := &bulk{
		database: database,
		users:    "INSERT INTO users (id, created_at) SELECT " + userOfSession + ", auth_time" + from,
		sessions: "INSERT INTO sessions (id, user_id, " + sharedColumns + ") SELECT made.value, " + userOfSession +
			", " + sharedColumns + from,
	}
	const fullest = "SELECT id FROM sessions ORDER BY generation DESC LIMIT 1"
	if err := database.QueryRowContext(ctx, fullest).Scan(&b.like); err != nil {
		return nil, errors.Join(err, database.Close())
	}
	return b, nil
}

// write inserts a number of sessions, whose ids are generated now, like those of real ones.
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

// fill opens real sessions, with bulk sessions between them up to the size of the store, and returns the real ones.
func (s *server) fill(ctx context.Context, endpoint *url.URL, measured int) ([]*holder, error) {
	first, err := signInAll(ctx, endpoint, s, 1)
	if err != nil {
		return nil, err
	}
	first[0].next = refresh(s, endpoint)
	if err := (&randomRefresher{sessions: first}).refreshAll(endpoint); err != nil {
		return nil, err
	}
	bulk, err := newBulk(ctx, s.store)
	if err != nil {
		return nil, err
	}
	defer bulk.database.Close()
	there, err := s.store.readState(ctx)
	if err != nil {
		return nil, err
	}
	missing := max(0, s.report.Stored-int(there.Sessions)-measured+1)
	sessions := first
	for n := 1; n < measured; n++ {
		if err := bulk.write(ctx, missing*n/(measured-1)-missing*(n-1)/(measured-1)); err != nil {
			return nil, err
		}
		next, err := signInAll(ctx, endpoint, s, 1)
		if err != nil {
			return nil, err
		}
		sessions = append(sessions, next...)
	}
	return sessions, nil
}
