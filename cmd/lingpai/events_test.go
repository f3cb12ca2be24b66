package main

import (
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestEventsAreListed(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	h.session()
	h.ok("sessions", "revoke", h.listed("sessions", "list", "alice")[0]["sid"].(string))
	h.ok("users", "disable", "alice")
	sub := h.listed("users", "list")[0]["sub"].(string)
	rows := h.listed("events", "list", "alice")
	require.Equal(t, rows, h.listed("events", "list", sub))
	require.Equal(t, identity.EventUserDisabled, rows[0]["kind"], "the newest first")
	require.Equal(t, rows[:1], h.listed("events", "list", "--limit", "1"))
	ended := h.listed("events", "list", "--kind", identity.EventSessionEnded)
	require.Len(t, ended, 1)
	require.Equal(t, identity.EndedByOperator, ended[0]["detail"])
	require.Equal(t, ended, h.listed("events", "list", "--session", ended[0]["sid"].(string)))
	require.Equal(t, ended, h.listed("events", "list", "alice", "--client", "backend", "--kind",
		identity.EventSessionEnded))
	require.Empty(t, h.listed("events", "list", "--client", "nobody"))
	require.Contains(t, h.ok("events", "list"), ended[0]["sid"])

	h.ok("users", "delete", "alice", "--grace", "0s", "--yes")
	require.Equal(t, 1, h.pruned())
	require.Contains(t, h.refused("events", "list", "alice"), `there is no user "alice"`)
	require.Equal(t, identity.EventUserDeleted, h.listed("events", "list", sub)[0]["kind"],
		"of somebody who is no more")
	require.Contains(t, h.refused("events", "list", ""), "SUB|USERNAME is empty")
	require.Contains(t, h.refused("events", "list", "--limit", "0"), "--limit: must be 1 to 100000")
}

// TestEventsHaveTheCommandThatActed, and the operating system user who ran it. Events of users themselves have no
// actor.
func TestEventsHaveTheCommandThatActed(t *testing.T) {
	t.Parallel()
	h := newTestServer(t)
	h.session()
	h.ok("users", "disable", "alice")
	h.ok("users", "grant-role", "alice", "editor")
	h.okWith(simSecret, "apps", "add", "wx1111111111111111")
	for kind, command := range map[string]string{identity.EventClientCreated: "clients create",
		identity.EventAppAdded: "apps add"} {
		events := h.listed("events", "list", "--kind", kind)
		require.NotEmpty(t, events, kind)
		require.Regexp(t, `^lingpai `+command+` \(.+\)$`, events[0]["actor"].(map[string]any)["name"])
	}
	for _, event := range h.listed("events", "list", "alice") {
		actor, _ := event["actor"].(map[string]any)
		switch event["kind"] {
		case identity.EventUserDisabled, identity.EventSessionEnded:
			require.Regexp(t, `^lingpai users disable \(.+\)$`, actor["name"], event["kind"])
		case identity.EventUserCreated:
			require.Regexp(t, `^lingpai users create \(.+\)$`, actor["name"])
		case identity.EventRoleGranted:
			require.Regexp(t, `^lingpai users grant-role \(.+\)$`, actor["name"])
		default:
			require.Nil(t, actor, event["kind"])
		}
	}
	require.Contains(t, h.ok("events", "list", "alice"), "lingpai users disable (")
}

func TestRepeatedEventsAreListedWithTheirCount(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(t, err)
	for range 110 {
		event := identity.Event{Kind: identity.EventExported, UserID: "u"}
		require.NoError(t, database.Events().Record(t.Context(), event))
	}
	require.NoError(t, database.Close())
	rows := o.listed("events", "list")
	require.Len(t, rows, 10)
	require.EqualValues(t, 101, rows[0]["count"])
	require.GreaterOrEqual(t, rows[0]["last_at"], rows[0]["at"])
	require.EqualValues(t, 1, rows[1]["count"])
	require.NotContains(t, rows[1], "last_at")
	require.Equal(t, "101", strings.Fields(strings.Split(o.ok("events", "list"), "\n")[1])[5])
}
