package sql

import (
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func TestIDsOfEventsAreInTheOrderOfTime(t *testing.T) {
	now := time.UnixMilli(1_790_000_000_123)
	var ids []string
	for range 1 << 15 { // more than the counter's lower part
		id, err := newEventID(now)
		require.NoError(t, err)
		ids = append(ids, id)
	}
	require.True(t, slices.IsSorted(ids))
	parsed := uuid.MustParse(ids[0])
	require.EqualValues(t, 7, parsed.Version())
	require.Equal(t, uuid.RFC4122, parsed.Variant())
	seconds, nanoseconds := parsed.Time().UnixTime()
	require.Equal(t, now.UnixMilli(), time.Unix(seconds, nanoseconds).UnixMilli())

	require.Less(t, firstEventID(now), ids[0])
	require.Greater(t, firstEventID(now.Add(time.Millisecond)), ids[len(ids)-1])
	require.Greater(t, ids[0], firstEventID(time.UnixMilli(-1)))
}

// TestPruningEventsOfServersWithWrongClocks has rows of earlier versions, whose ids are of the server's clock.
func TestPruningEventsOfServersWithWrongClocks(t *testing.T) {
	everywhere(t, func(t *testing.T, open func() *DB) {
		db := open()
		_, err := db.Schema().MigrateUp(t.Context())
		require.NoError(t, err)
		now, day := time.Now(), 24*time.Hour
		for detail, times := range map[string][2]time.Time{ // the server's clock, and the store's
			"kept: slow clock":   {time.Unix(0, 0), now},
			"kept: fast clock":   {now.Add(day), now},
			"old: right clock":   {now.Add(-3 * day), now.Add(-3 * day)},
			"old: slow clock":    {time.Unix(0, 0), now.Add(-3 * day)},
			"kept: until its id": {now, now.Add(-3 * day)},
		} {
			id, err := newEventID(times[0])
			require.NoError(t, err)
			require.NoError(t, db.write.Exec("INSERT INTO events (id, at, kind, user_id, client_id, session_id, "+
				"detail) VALUES (?, ?, 'kind', '', '', '', ?)", id, times[1].UnixMilli(), detail).Error)
		}
		for range 3 { // rows that are kept do not stop a batch of one
			_, err := db.Events().Prune(t.Context(), day, 1)
			require.NoError(t, err)
		}
		events, err := db.Events().List(t.Context(), identity.EventsOf{}, 10)
		require.NoError(t, err)
		require.Len(t, events, 3)
		for _, event := range events {
			require.Contains(t, event.Detail, "kept")
			require.Equal(t, 1, event.Count, "as the earlier version wrote it")
			require.Equal(t, event.At, event.LastAt)
		}
	})
}

// TestAnActionWhoseRepeatedEventCannotBeCountedIsNotDone breaks the audit log for updates only.
func TestAnActionWhoseRepeatedEventCannotBeCountedIsNotDone(t *testing.T) {
	db := openMigrated(t)
	user, err := db.Users().Create(t.Context(), "alice", "hash")
	require.NoError(t, err)
	for range repeatLimit {
		require.NoError(t, db.Users().SetPassword(t.Context(), user.ID, "hash"))
	}
	before, err := db.Users().Find(t.Context(), user.ID)
	require.NoError(t, err)
	require.NoError(t, db.write.Exec("CREATE TRIGGER broken BEFORE UPDATE ON events BEGIN SELECT "+
		"RAISE(ABORT, 'full'); END").Error)
	require.ErrorContains(t, db.Users().SetPassword(t.Context(), user.ID, "new hash"), "full")
	after, err := db.Users().Find(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, before, after)
}
