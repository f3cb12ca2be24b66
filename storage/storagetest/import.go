package storagetest

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func newcomers() []testCase {
	return []testCase{
		{"a newcomer is a user with all that was brought", newcomerIsUser},
		{"a newcomer who brings only a name, an account or a sub is a user", newcomerWithLittle},
		{"a newcomer's account signs in, and links the union that came with it", newcomerSignsIn},
		{"who is there already is left as he is", newcomerIsThere},
		{"who is there already is found though joined into another user", newcomerWasJoined},
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
func bring(t *testing.T, f fixture, newcomers ...identity.Newcomer) []identity.Arrival {
	t.Helper()
	for n := range newcomers {
		newcomers[n].Line = n + 1
	}
	arrivals, err := f.Newcomers.Import(t.Context(), newcomers)
	require.NoError(t, err)
	require.Len(t, arrivals, len(newcomers))
	for _, arrival := range arrivals {
		require.Equal(t, arrival.Outcome == identity.Refused, arrival.Reason != "", "%v", arrival)
		require.Equal(t, arrival.Outcome == identity.Refused, arrival.UserID == "", "%v", arrival)
	}
	return arrivals
}

// requireImported brings newcomers who must all come without a warning.
func requireImported(t *testing.T, f fixture, newcomers ...identity.Newcomer) (users []identity.User) {
	t.Helper()
	for _, arrival := range bring(t, f, newcomers...) {
		require.Equal(t, identity.Arrival{Outcome: identity.Imported, UserID: arrival.UserID}, arrival)
		users = append(users, f.user(t, arrival.UserID))
	}
	return users
}

// fullNewcomer brings all there is. No two bring the same.
func fullNewcomer() identity.Newcomer {
	return identity.Newcomer{
		ID: "legacy-" + newName(), Username: "Zo\u00eb-" + newName(), PasswordHash: "$2y$hash",
		Roles: []string{"b", "a", "b"}, Profile: fullProfile(),
		Phone: "+8613800000000", CreatedAt: time.Date(2019, 2, 3, 4, 5, 6, 7e6, time.UTC),
		Sightings: []identity.Sighting{sight("wx1", newName()), in("op", newName(), sight("wx2", newName()))},
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
		require.Equal(t, n.Sightings[k].AccountKey, account.AccountKey)
		require.Equal(t, n.Sightings[k].UnionID, account.UnionID)
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
	users := requireImported(t, f, identity.Newcomer{Username: newName()},
		identity.Newcomer{Sightings: []identity.Sighting{sight("wx1", newName())}},
		identity.Newcomer{ID: newName()}, identity.Newcomer{ID: identity.NewUserID(), Phone: "+8613800000000"})
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
	for _, s := range n.Sightings {
		f.requireSeen(t, user, s)
	}
	f.requireSeen(t, user, in("op", n.Sightings[1].UnionID, sight("wx3", newName())))
	requireConflicts(t, f, user, 0)

	two := identity.Newcomer{ID: newName(), Sightings: []identity.Sighting{in("op", newName(),
		sight("wx1", newName())), sight("wx2", newName())}}
	two.Sightings[1] = in("op", two.Sightings[0].UnionID, two.Sightings[1])
	user = requireImported(t, f, two)[0]
	f.requireSeen(t, user, two.Sightings[1])
	requireConflicts(t, f, user, 0)
}

func manyNewcomers(t *testing.T, f fixture) {
	var many []identity.Newcomer
	for range 1100 {
		n := fullNewcomer()
		for _, app := range []string{"wx3", "wx4", "wx5", "wx6", "wx7"} {
			n.Sightings = append(n.Sightings, sight(app, newName()))
		}
		many = append(many, n)
	}
	for _, arrival := range bring(t, f, many...) {
		require.Equal(t, identity.Imported, arrival.Outcome)
	}
	for n, arrival := range bring(t, f, many...) {
		require.Equal(t, identity.Arrival{Outcome: identity.AlreadyThere, UserID: many[n].ID}, arrival)
	}
}
