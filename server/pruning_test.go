package server

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/sql"
)

// prunable has a number of ended sessions, or returns an error.
type prunable struct {
	identity.Sessions
	over int
	err  error
}

func (p *prunable) Prune(_ context.Context, _ time.Duration, batch int) (int, bool, error) {
	pruned := min(batch, p.over)
	p.over -= pruned
	return pruned, p.over == 0, p.err
}

func TestPruningDeletesAllAndLogsTheirNumber(t *testing.T) {
	var log bytes.Buffer
	logger := NewLogger(settings.Settings{LogFormat: "text"}, &log)
	prune(t.Context(), &prunable{}, logger)
	require.Empty(t, log.String(), "nothing is logged if nothing was deleted")

	sessions := &prunable{over: 2*pruneBatch + 3}
	prune(t.Context(), sessions, logger)
	require.Zero(t, sessions.over)
	require.Contains(t, log.String(), "sessions=1003")
}

func TestPruningErrorsAreLoggedUnlessTheProcessEnds(t *testing.T) {
	var log bytes.Buffer
	logger := NewLogger(settings.Settings{LogFormat: "text"}, &log)
	ended, end := context.WithCancel(t.Context())
	end()
	prune(ended, &prunable{over: 1, err: errors.New("no")}, logger)
	require.Empty(t, log.String())
	prune(t.Context(), &prunable{over: 1, err: errors.New("the disk is full")}, logger)
	require.Contains(t, log.String(), "the disk is full")
}

func TestPruningDeletesBrowserSessionsThatAreOver(t *testing.T) {
	ctx, now := t.Context(), time.Now()
	database, err := sql.Open(ctx, sql.Options{URL: "sqlite:" + filepath.Join(t.TempDir(), "lingpai.db") +
		"?synchronous=off", Now: func() time.Time { return now }})
	require.NoError(t, err)
	defer database.Close()
	_, err = database.Schema().MigrateUp(ctx)
	require.NoError(t, err)
	user, err := database.Users().Create(ctx, "alice", "hash")
	require.NoError(t, err)
	visit := func(absolute time.Duration) {
		id := identity.NewSessionID()
		_, err := database.BrowserSessions().Open(ctx, identity.BrowserSession{ID: id, UserID: user.ID,
			SecretHash: sha256.Sum256([]byte(id))}, identity.Lifetimes{Idle: absolute, Absolute: absolute}, "")
		require.NoError(t, err)
	}
	for range pruneBatch + 1 {
		visit(time.Hour)
	}
	visit(2*time.Hour + pruneKeep)
	now = now.Add(time.Hour + pruneKeep + time.Second)
	var log bytes.Buffer
	pruneBrowsers(ctx, database.BrowserSessions(), NewLogger(settings.Settings{LogFormat: "text"}, &log))
	require.Contains(t, log.String(), "browser_sessions=501")
	left, err := database.BrowserSessions().List(ctx, user.ID)
	require.NoError(t, err)
	require.Len(t, left, 1)
}

// prunableEvents has a number of events older than the retention.
type prunableEvents struct {
	identity.Events
	old   int
	keep  time.Duration
	calls int
	err   error
}

func (p *prunableEvents) Prune(_ context.Context, keep time.Duration, batch int) (int, error) {
	pruned := min(batch, p.old)
	p.old -= pruned
	p.keep = keep
	p.calls++
	return pruned, p.err
}

func TestOldEventsArePrunedInBatches(t *testing.T) {
	var log bytes.Buffer
	logger := NewLogger(settings.Settings{LogFormat: "text"}, &log)
	events := &prunableEvents{old: 2*pruneBatch + 3}
	pruneEvents(t.Context(), events, settings.Defaults().AuditRetention, logger)
	require.Zero(t, events.old)
	require.Equal(t, 3, events.calls, "the third batch is the last")
	require.Equal(t, 180*24*time.Hour, events.keep)
	require.Contains(t, log.String(), "events=1003")

	events = &prunableEvents{old: (pruneBatches + 1) * pruneBatch}
	pruneEvents(t.Context(), events, time.Hour, logger)
	require.Equal(t, pruneBatch, events.old, "the next run deletes the rest")

	log.Reset()
	events = &prunableEvents{old: 1}
	pruneEvents(t.Context(), events, 0, logger)
	require.Zero(t, events.calls, "kept for ever")
	pruneEvents(t.Context(), &prunableEvents{err: errors.New("the disk is full")}, time.Hour, logger)
	require.Contains(t, log.String(), "cannot prune events")
}
