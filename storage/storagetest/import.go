package storagetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func people() []testCase {
	return []testCase{
		{"a newcomer is a user with all that was brought", newcomerIsUser},
		{"a newcomer who brings only a name, an account or a sub is a user", newcomerWithLittle},
		{"a newcomer's account signs in, and links the union that came with it", newcomerSignsIn},
		{"who is there already is left as he is", newcomerIsThere},
		{"who is there already is found though merged into another user", newcomerWasJoined},
		{"more newcomers than one statement takes come all", manyNewcomers},
		{"newcomers who contradict users or each other are refused", contradictions},
		{"a sub that is a client's or was a deleted user's is refused", takenSubjects},
		{"newcomers who cannot be are refused, and keep nobody else", impossibleNewcomers},
		{"a union of another user stays there, and a warning and an event tell of it", newcomerOfAnothersUnion},
		{"a rehearsal writes nothing and answers as the import does", rehearsal},
		{"hostile texts of newcomers are data or refused", hostileNewcomers},
		{"an ended context keeps newcomers out", contextEndsImport},
	}
}

// bring imports newcomers, as lines 1 and following of a file.
func bring(t *testing.T, f fixture, people ...identity.ImportedUser) []identity.ImportResult {
	t.Helper()
	for n := range people {
		people[n].Line = n + 1
	}
	arrivals, err := f.Imports.Import(t.Context(), people)
	require.NoError(t, err)
	require.Len(t, arrivals, len(people))
	for _, arrival := range arrivals {
		require.Equal(t, arrival.Outcome == identity.Refused, arrival.Reason != "", "%v", arrival)
		require.Equal(t, arrival.Outcome == identity.Refused, arrival.UserID == "", "%v", arrival)
	}
	return arrivals
}

// requireImported brings newcomers who must all come without a warning.
func requireImported(t *testing.T, f fixture, people ...identity.ImportedUser) (users []identity.User) {
	t.Helper()
	for _, arrival := range bring(t, f, people...) {
		require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: arrival.UserID}, arrival)
		users = append(users, f.user(t, arrival.UserID))
	}
	return users
}

// fullNewcomer brings all there is. No two bring the same.
func fullNewcomer() identity.ImportedUser {
	return identity.ImportedUser{
		ID: "legacy-" + newName(), Username: "Zo\u00eb-" + newName(), PasswordHash: "$2y$hash",
		Roles: []string{"b", "a", "b"}, Profile: fullProfile(),
		Phone: "+8613800000000", CreatedAt: time.Date(2019, 2, 3, 4, 5, 6, 7e6, time.UTC),
		Identities: []identity.ExternalIdentity{sight("wx1", newName()), in("op", newName(), sight("wx2", newName()))},
	}
}

func newcomerIsUser(t *testing.T, f fixture) {
	n := fullNewcomer()
	before := f.now(t)
	got := requireImported(t, f, n)[0]
	require.Equal(t, identity.User{
		ID: n.ID, Username: n.Username, PasswordHash: n.PasswordHash, Roles: []string{"a", "b"}, CreatedAt: n.CreatedAt,
		DisabledAt: time.Time{}.UTC(), DeletesAt: time.Time{}.UTC(),
	}, got)
	named, err := f.Users.FindByUsername(t.Context(), n.Username)
	require.NoError(t, err)
	require.Equal(t, n.ID, named.ID)

	details := f.details(t, n.ID)
	require.Equal(t, n.Profile, details.Profile)
	require.True(t, details.Chosen)
	require.Equal(t, n.Phone, details.Phone.Number)
	require.False(t, details.Phone.Verified)
	between(t, before, f.now(t), details.Phone.SeenAt)
	between(t, before, f.now(t), details.UpdatedAt)

	accounts, err := f.Accounts.List(t.Context(), n.ID)
	require.NoError(t, err)
	require.Len(t, accounts, 2)
	for k, account := range accounts {
		require.Equal(t, n.Identities[k].AccountKey, account.AccountKey)
		require.Equal(t, n.Identities[k].UnionID, account.UnionID)
		sameInstant(t, n.CreatedAt, account.CreatedAt)
	}
	session := f.signIn(t, got, f.newClient(t))
	f.requireLive(t, got, session.ID)

	disabled := fullNewcomer()
	disabled.Disabled = true
	barred := requireImported(t, f, disabled)[0]
	between(t, before, f.now(t), barred.DisabledAt)
}

func newcomerWithLittle(t *testing.T, f fixture) {
	before := f.now(t)
	users := requireImported(t, f, identity.ImportedUser{Username: newName()},
		identity.ImportedUser{Identities: []identity.ExternalIdentity{sight("wx1", newName())}},
		identity.ImportedUser{ID: newName()}, identity.ImportedUser{ID: identity.NewUserID(), Phone: "+8613800000000"})
	for _, user := range users {
		between(t, before, f.now(t), user.CreatedAt)
		require.Empty(t, user.PasswordHash)
		require.Empty(t, user.Roles)
		require.False(t, user.Disabled())
	}
	require.True(t, identity.ValidSubject(users[0].ID) == nil && users[0].ID[:2] == "u_")
	for _, user := range users[:3] {
		require.Zero(t, f.details(t, user.ID))
	}
	require.False(t, f.details(t, users[3].ID).Chosen, "a phone number is no profile")
	require.Empty(t, bring(t, f), "nobody")
}

func newcomerSignsIn(t *testing.T, f fixture) {
	n := fullNewcomer()
	user := requireImported(t, f, n)[0]
	for _, s := range n.Identities {
		f.requireSeen(t, user, s)
	}
	f.requireSeen(t, user, in("op", n.Identities[1].UnionID, sight("wx3", newName())))
	requireConflicts(t, f, user, 0)

	two := identity.ImportedUser{ID: newName(), Identities: []identity.ExternalIdentity{in("op", newName(),
		sight("wx1", newName())), sight("wx2", newName())}}
	two.Identities[1] = in("op", two.Identities[0].UnionID, two.Identities[1])
	user = requireImported(t, f, two)[0]
	f.requireSeen(t, user, two.Identities[1])
	requireConflicts(t, f, user, 0)
}

func manyNewcomers(t *testing.T, f fixture) {
	var many []identity.ImportedUser
	for range 1100 {
		n := fullNewcomer()
		for _, app := range []string{"wx3", "wx4", "wx5", "wx6", "wx7"} {
			n.Identities = append(n.Identities, sight(app, newName()))
		}
		many = append(many, n)
	}
	for _, arrival := range bring(t, f, many...) {
		require.Equal(t, identity.Imported, arrival.Outcome)
	}
	for n, arrival := range bring(t, f, many...) {
		require.Equal(t, identity.ImportResult{Outcome: identity.AlreadyThere, UserID: many[n].ID}, arrival)
	}
}

func newcomerIsThere(t *testing.T, f fixture) {
	n := fullNewcomer()
	user := requireImported(t, f, n)[0]
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, identity.Profile{Name: "new"}))
	require.NoError(t, f.Entitlements.SetRoles(t.Context(), user.ID, nil))
	changed, details := f.user(t, user.ID), f.details(t, user.ID)
	nameless, shouting, partly := n, n, n
	nameless.ID, shouting.Username, partly.Identities, partly.Username, partly.PasswordHash = "",
		strings.ToUpper(n.Username), n.Identities[1:], "", ""
	for _, again := range []identity.ImportedUser{n, nameless, shouting, partly} {
		require.Equal(t, []identity.ImportResult{{Outcome: identity.AlreadyThere, UserID: user.ID}}, bring(t, f, again))
	}
	require.Equal(t, changed, f.user(t, user.ID))
	require.Equal(t, details, f.details(t, user.ID))
	require.Equal(t, identity.AlreadyThere, bring(t, f, fullNewcomer(), n, fullNewcomer())[1].Outcome)
}

func newcomerWasJoined(t *testing.T, f fixture) {
	n := fullNewcomer()
	requireImported(t, f, n)
	survivor := f.newUser(t)
	_, err := f.Merges.Merge(t.Context(), n.ID, survivor.ID)
	require.NoError(t, err)
	require.Equal(t, []identity.ImportResult{{Outcome: identity.AlreadyThere, UserID: survivor.ID}}, bring(t, f, n))
}

func contradictions(t *testing.T, f fixture) {
	n, other := fullNewcomer(), fullNewcomer()
	requireImported(t, f, n, other)
	change := func(change func(n *identity.ImportedUser)) identity.ImportedUser {
		changed := n
		changed.Identities = append([]identity.ExternalIdentity{}, n.Identities...)
		change(&changed)
		return changed
	}
	fresh := fullNewcomer()
	twice := fresh
	twice.Username = newName()
	for reason, people := range map[string][]identity.ImportedUser{
		"the sub belongs to " + n.ID + ", and the user name does not": {change(
			func(n *identity.ImportedUser) { n.Username = newName() })},
		"the user name belongs to " + n.ID + ", and the account at wx1 does not": {
			change(func(n *identity.ImportedUser) {
				n.ID, n.Identities[0].Subject = "", newName()
			})},
		"the user name belongs to " + n.ID +
			", and the sub does not": {change(func(n *identity.ImportedUser) { n.ID = newName() })},
		"the sub belongs to " + n.ID + ", and the account at wx1 does not": {change(func(n *identity.ImportedUser) {
			n.Identities[0].Subject = newName()
		})},
		"the sub belongs to " + n.ID + ", and the user name to " +
			other.ID: {change(func(n *identity.ImportedUser) { n.Username = strings.ToUpper(other.Username) })},
		"the sub belongs to " + n.ID + ", and the account at wx1 to " +
			other.ID: {change(func(n *identity.ImportedUser) { n.Identities = other.Identities })},
		"the sub belongs to " + fresh.ID + ", and the user name does not": {fresh, twice},
	} {
		arrivals := bring(t, f, people...)
		require.Equal(t, identity.ImportResult{Reason: reason}, arrivals[len(arrivals)-1])
	}
	require.Len(t, bring(t, f, fullNewcomer(), twice, fullNewcomer()), 3)
}

func takenSubjects(t *testing.T, f fixture) {
	client, gone, n := f.newClient(t), fullNewcomer(), fullNewcomer()
	requireImported(t, f, gone)
	f.leave(t, f.user(t, gone.ID), 0)
	_, err := f.Deletions.PurgeDeleted(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []identity.ImportResult{
		{Reason: "the sub is the id of a client, with which the user could be confused"},
		{Reason: "the sub belonged to a deleted user and is never reused"},
		{Outcome: identity.Imported, UserID: n.ID},
	}, bring(t, f, identity.ImportedUser{ID: client.ID}, gone, n))
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: n.ID}), identity.ErrExists,
		"nor the other way round")
	gone.ID = ""
	requireImported(t, f, gone)
}

func impossibleNewcomers(t *testing.T, f fixture) {
	future := fullNewcomer()
	future.CreatedAt = f.now(t).Add(2 * time.Minute)
	var lots []identity.ExternalIdentity
	for n := range identity.MaxExternalIdentities + 1 {
		lots = append(lots, sight(fmt.Sprint("wx", n), newName()))
	}
	for reason, n := range map[string]identity.ImportedUser{
		"the user has no identifier: give sub, username or an account": {
			Roles: []string{"a"}, Phone: "+8613800000000",
		},
		"sub must be 1 to 255 printable ASCII characters without spaces": {ID: "two words"},
		`sub must not begin with "u_", unless it was made by Lingpai: u_ and 22 characters of base64url`: {
			ID: "u_me"},
		"password_hash requires username":         {ID: newName(), PasswordHash: "$2y$hash"},
		"a user name must be 1 to 128 bytes long": {Username: strings.Repeat("n", 129)},
		"a role must be 1 to 64 characters: A to Z, a to z, digits, and . _ : -": {
			ID: newName(), Roles: []string{"two words"}},
		"an account needs an app and an openid": {Identities: []identity.ExternalIdentity{sight("wx1", "")}},
		"a user can have at most 32 accounts":   {Identities: lots},
		"a user can have only one account at each app": {
			Identities: []identity.ExternalIdentity{sight("wx1", newName()), sight("wx1", newName())}},
		"created_at is in the future": future,
	} {
		arrivals := bring(t, f, fullNewcomer(), n, fullNewcomer())
		require.Equal(t, identity.ImportResult{Reason: reason}, arrivals[1])
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
	n := identity.ImportedUser{ID: newName(), Identities: []identity.ExternalIdentity{in("op", union, sight("wx2",
		newName()))}}
	warning := "the union id of an account at wx2 belongs to " + owner.ID
	require.Equal(t, []identity.ImportResult{{Outcome: identity.Imported, UserID: n.ID, Warnings: []string{warning}}},
		bring(t, f, n))
	for range 2 {
		events := f.eventsOf(t, identity.EventUnionConflict, n.ID)
		require.Len(t, events, 1)
		require.Equal(t, warning, events[0].Detail)
		f.requireSeen(t, f.user(t, n.ID), n.Identities[0])
		require.Equal(t, identity.AlreadyThere, bring(t, f, n)[0].Outcome)
	}
	f.requireSeen(t, owner, in("op", union, sight("wx3", newName())))
	twins, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1000)
	require.NoError(t, err)
	require.Contains(t, twins, identity.Duplicate{Platform: identity.PlatformWechat, OpenPlatform: "op", UnionID: union,
		Owner: owner.ID, Other: n.ID})

	union = newName() // of two who bring one union together the first has it
	pair := []identity.ImportedUser{
		{ID: newName(), Identities: []identity.ExternalIdentity{in("op", union, sight("wx1", newName()))}},
		{ID: newName(), Identities: []identity.ExternalIdentity{in("op", union, sight("wx2", newName()))}},
	}
	arrivals := bring(t, f, pair...)
	require.Empty(t, arrivals[0].Warnings)
	require.Equal(t, []string{"the union id of an account at wx2 belongs to " + pair[0].ID}, arrivals[1].Warnings)
}
