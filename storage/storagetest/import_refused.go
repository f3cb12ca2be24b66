package storagetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func newcomerIsThere(t *testing.T, f fixture) {
	n := fullNewcomer()
	user := requireImported(t, f, n)[0]
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, identity.Profile{Name: "new"}))
	require.NoError(t, f.Entitlements.SetRoles(t.Context(), user.ID, nil))
	changed, details := f.user(t, user.ID), f.details(t, user.ID)
	nameless, shouting, partly := n, n, n
	nameless.ID, shouting.Username, partly.Sightings, partly.Username, partly.PasswordHash = "",
		strings.ToUpper(n.Username), n.Sightings[1:], "", ""
	for _, again := range []identity.Newcomer{n, nameless, shouting, partly} {
		require.Equal(t, []identity.Arrival{{Outcome: identity.AlreadyThere, UserID: user.ID}}, bring(t, f, again))
	}
	require.Equal(t, changed, f.user(t, user.ID))
	require.Equal(t, details, f.details(t, user.ID))
	require.Equal(t, identity.AlreadyThere, bring(t, f, fullNewcomer(), n, fullNewcomer())[1].Outcome)
}

func newcomerWasJoined(t *testing.T, f fixture) {
	n := fullNewcomer()
	requireImported(t, f, n)
	survivor := f.newUser(t)
	_, err := f.Joins.Join(t.Context(), n.ID, survivor.ID)
	require.NoError(t, err)
	require.Equal(t, []identity.Arrival{{Outcome: identity.AlreadyThere, UserID: survivor.ID}}, bring(t, f, n))
}

func contradictions(t *testing.T, f fixture) {
	n, other := fullNewcomer(), fullNewcomer()
	requireImported(t, f, n, other)
	change := func(change func(n *identity.Newcomer)) identity.Newcomer {
		changed := n
		changed.Sightings = append([]identity.Sighting{}, n.Sightings...)
		change(&changed)
		return changed
	}
	fresh := fullNewcomer()
	twice := fresh
	twice.Username = newName()
	for reason, newcomers := range map[string][]identity.Newcomer{
		"the sub belongs to " + n.ID + ", and the user name does not": {change(
			func(n *identity.Newcomer) { n.Username = newName() })},
		"the user name belongs to " + n.ID + ", and the account at wx1 does not": {change(func(n *identity.Newcomer) {
			n.ID, n.Sightings[0].Subject = "", newName()
		})},
		"the user name belongs to " + n.ID +
			", and the sub does not": {change(func(n *identity.Newcomer) { n.ID = newName() })},
		"the sub belongs to " + n.ID + ", and the account at wx1 does not": {change(func(n *identity.Newcomer) {
			n.Sightings[0].Subject = newName()
		})},
		"the sub belongs to " + n.ID + ", and the user name to " +
			other.ID: {change(func(n *identity.Newcomer) { n.Username = strings.ToUpper(other.Username) })},
		"the sub belongs to " + n.ID + ", and the account at wx1 to " +
			other.ID: {change(func(n *identity.Newcomer) { n.Sightings = other.Sightings })},
		"the sub belongs to " + fresh.ID + ", and the user name does not": {fresh, twice},
	} {
		arrivals := bring(t, f, newcomers...)
		require.Equal(t, identity.Arrival{Reason: reason}, arrivals[len(arrivals)-1])
	}
	require.Len(t, bring(t, f, fullNewcomer(), twice, fullNewcomer()), 3)
}

func takenSubjects(t *testing.T, f fixture) {
	client, gone, n := f.newClient(t), fullNewcomer(), fullNewcomer()
	requireImported(t, f, gone)
	f.leave(t, f.user(t, gone.ID), 0)
	_, err := f.Deletions.DeleteLeft(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []identity.Arrival{
		{Reason: "the sub is the id of a client, for which the user could be taken"},
		{Reason: "the sub was a deleted user's, and is nobody else's ever"},
		{Outcome: identity.Imported, UserID: n.ID},
	}, bring(t, f, identity.Newcomer{ID: client.ID}, gone, n))
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: n.ID}), identity.ErrExists,
		"nor the other way round")
	gone.ID = ""
	requireImported(t, f, gone)
}

func impossibleNewcomers(t *testing.T, f fixture) {
	future := fullNewcomer()
	future.CreatedAt = f.now(t).Add(2 * time.Minute)
	var lots []identity.Sighting
	for n := range identity.MaxSightings + 1 {
		lots = append(lots, sight(fmt.Sprint("wx", n), newName()))
	}
	for reason, n := range map[string]identity.Newcomer{
		"nothing to know the person by: give sub, username or an account":                                {Roles: []string{"a"}, Phone: "+8613800000000"},
		"sub is 1 to 255 printable ASCII characters without spaces":                                      {ID: "two words"},
		`sub must not begin with "u_", unless it was made by Lingpai: u_ and 22 characters of base64url`: {ID: "u_me"},
		"password_hash is of no use without username":                                                    {ID: newName(), PasswordHash: "$2y$hash"},
		"a user name has 1 to 128 bytes":                                                                 {Username: strings.Repeat("n", 129)},
		"a role is 1 to 64 of the letters A to Z and a to z, digits, and . _ : -":                        {ID: newName(), Roles: []string{"two words"}},
		"an account needs an app and an openid":                                                          {Sightings: []identity.Sighting{sight("wx1", "")}},
		"a person has at most 32 accounts":                                                               {Sightings: lots},
		"a person has one account at an app, not several":                                                {Sightings: []identity.Sighting{sight("wx1", newName()), sight("wx1", newName())}},
		"created_at is in the future":                                                                    future,
	} {
		arrivals := bring(t, f, fullNewcomer(), n, fullNewcomer())
		require.Equal(t, identity.Arrival{Reason: reason}, arrivals[1])
		require.Equal(t, identity.Imported, arrivals[2].Outcome)
		if n.ID != "" {
			_, err := f.Users.Find(t.Context(), n.ID)
			require.ErrorIs(t, err, identity.ErrNotFound)
		}
	}
}

func newcomerOfAnothersUnion(t *testing.T, f fixture) {
	union := newName()
	owner := f.requireNew(t, in("op", union, sight("wx1", newName())))
	n := identity.Newcomer{ID: newName(), Sightings: []identity.Sighting{in("op", union, sight("wx2", newName()))}}
	warning := "the union id of an account at wx2 belongs to " + owner.ID
	require.Equal(t, []identity.Arrival{{Outcome: identity.Imported, UserID: n.ID, Warnings: []string{warning}}},
		bring(t, f, n))
	for range 2 {
		events := f.eventsOf(t, identity.EventUnionConflict, n.ID)
		require.Len(t, events, 1)
		require.Equal(t, warning, events[0].Detail)
		f.requireSeen(t, f.user(t, n.ID), n.Sightings[0])
		require.Equal(t, identity.AlreadyThere, bring(t, f, n)[0].Outcome)
	}
	f.requireSeen(t, owner, in("op", union, sight("wx3", newName())))
	twins, err := f.Joins.Twins(t.Context(), identity.Twins{}, 1000)
	require.NoError(t, err)
	require.Contains(t, twins, identity.Twins{Platform: identity.PlatformWechat, OpenPlatform: "op", UnionID: union,
		Owner: owner.ID, Other: n.ID})

	union = newName() // of two who bring one union together the first has it
	pair := []identity.Newcomer{
		{ID: newName(), Sightings: []identity.Sighting{in("op", union, sight("wx1", newName()))}},
		{ID: newName(), Sightings: []identity.Sighting{in("op", union, sight("wx2", newName()))}},
	}
	arrivals := bring(t, f, pair...)
	require.Empty(t, arrivals[0].Warnings)
	require.Equal(t, []string{"the union id of an account at wx2 belongs to " + pair[0].ID}, arrivals[1].Warnings)
}
