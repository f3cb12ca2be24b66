package storagetest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func imports() []testCase {
	return []testCase{
		{"an imported user has everything that the row has", importIsComplete},
		{"a row with only a name, an account or a sub creates a user", importOfLittle},
		{"an imported account signs in, and its union is linked", importedUserSignsIn},
		{"an existing user is not changed", existingUserIsUnchanged},
		{"an existing user is found even if merged into another user", existingUserWasMerged},
		{"an import can be larger than one statement", manyUsers},
		{"rows that contradict users or each other are refused", contradictions},
		{"a sub of a client or a deleted user is refused", takenSubjects},
		{"a name that looks like a taken one or an earlier one is refused", importedLookAlikes},
		{"invalid rows are refused, and do not block others", invalidUsers},
		{"a union of another user stays there, with a warning and an event", unionOfAnotherUser},
		{"a rehearsal writes nothing and returns what the import would", rehearsal},
		{"hostile texts are stored unchanged or refused", hostileImports},
		{"an ended context prevents the import", contextEndsImport},
	}
}

// importUsers imports rows, as lines 1, 2, 3 … of a file.
func importUsers(t *testing.T, f fixture, rows ...identity.ImportedUser) []identity.ImportResult {
	t.Helper()
	for n := range rows {
		rows[n].Line = n + 1
	}
	results, err := f.Imports.Import(t.Context(), rows)
	require.NoError(t, err)
	require.Len(t, results, len(rows))
	for _, result := range results {
		require.Equal(t, result.Outcome == identity.Refused, result.Reason != "", "%v", result)
		require.Equal(t, result.Outcome == identity.Refused, result.UserID == "", "%v", result)
	}
	return results
}

// requireImported imports rows that must all succeed without a warning.
func requireImported(t *testing.T, f fixture, rows ...identity.ImportedUser) (users []identity.User) {
	t.Helper()
	for _, result := range importUsers(t, f, rows...) {
		require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: result.UserID}, result)
		users = append(users, f.user(t, result.UserID))
	}
	return users
}

// fullImportedUser returns a row with a value in every field. No two rows have the same identifiers.
func fullImportedUser() identity.ImportedUser {
	return identity.ImportedUser{
		ID: "legacy-" + newName(), Username: "Zo\u00eb-" + newName(), PasswordHash: "$2y$hash",
		Roles: []string{"b", "a", "b"}, Profile: fullProfile(),
		Phone: "+8613800000000", CreatedAt: time.Date(2019, 2, 3, 4, 5, 6, 7e6, time.UTC),
		Identities: []identity.ExternalIdentity{newIdentity("wx1"), inUnion("op", newName(), newIdentity("wx2"))},
	}
}

func importIsComplete(t *testing.T, f fixture) {
	n := fullImportedUser()
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

	disabled := fullImportedUser()
	disabled.Disabled = true
	barred := requireImported(t, f, disabled)[0]
	between(t, before, f.now(t), barred.DisabledAt)
}

func importOfLittle(t *testing.T, f fixture) {
	before := f.now(t)
	users := requireImported(t, f, identity.ImportedUser{Username: newName()},
		identity.ImportedUser{Identities: []identity.ExternalIdentity{newIdentity("wx1")}},
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
	require.False(t, f.details(t, users[3].ID).Chosen, "a phone number is not a profile")
	require.Empty(t, importUsers(t, f), "no rows")
}

func importedUserSignsIn(t *testing.T, f fixture) {
	n := fullImportedUser()
	user := requireImported(t, f, n)[0]
	for _, e := range n.Identities {
		f.requireUser(t, user, e)
	}
	f.requireUser(t, user, inUnion("op", n.Identities[1].UnionID, newIdentity("wx3")))
	requireConflicts(t, f, user, 0)

	two := identity.ImportedUser{ID: newName(), Identities: []identity.ExternalIdentity{inUnion("op", newName(),
		newIdentity("wx1")), newIdentity("wx2")}}
	two.Identities[1] = inUnion("op", two.Identities[0].UnionID, two.Identities[1])
	user = requireImported(t, f, two)[0]
	f.requireUser(t, user, two.Identities[1])
	requireConflicts(t, f, user, 0)
}

func manyUsers(t *testing.T, f fixture) {
	var many []identity.ImportedUser
	for range 1100 {
		n := fullImportedUser()
		for _, app := range []string{"wx3", "wx4", "wx5", "wx6", "wx7"} {
			n.Identities = append(n.Identities, newIdentity(app))
		}
		many = append(many, n)
	}
	for _, result := range importUsers(t, f, many...) {
		require.Equal(t, identity.Imported, result.Outcome)
	}
	for n, result := range importUsers(t, f, many...) {
		require.Equal(t, identity.ImportResult{Outcome: identity.AlreadyThere, UserID: many[n].ID}, result)
	}
}

func existingUserIsUnchanged(t *testing.T, f fixture) {
	n := fullImportedUser()
	user := requireImported(t, f, n)[0]
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, identity.Profile{Name: "new"}))
	require.NoError(t, f.Entitlements.RevokeRole(t.Context(), user.ID, "a"))
	changed, details := f.user(t, user.ID), f.details(t, user.ID)
	nameless, shouting, partly := n, n, n
	nameless.ID, shouting.Username, partly.Identities, partly.Username, partly.PasswordHash = "",
		strings.ToUpper(n.Username), n.Identities[1:], "", ""
	for _, again := range []identity.ImportedUser{n, nameless, shouting, partly} {
		require.Equal(t, []identity.ImportResult{{Outcome: identity.AlreadyThere, UserID: user.ID}},
			importUsers(t, f, again))
	}
	require.Equal(t, changed, f.user(t, user.ID))
	require.Equal(t, details, f.details(t, user.ID))
	require.Equal(t, identity.AlreadyThere, importUsers(t, f, fullImportedUser(), n, fullImportedUser())[1].Outcome)
}

func existingUserWasMerged(t *testing.T, f fixture) {
	n := fullImportedUser()
	requireImported(t, f, n)
	survivor := f.newUser(t)
	_, err := f.Merges.Merge(t.Context(), n.ID, survivor.ID)
	require.NoError(t, err)
	require.Equal(t, []identity.ImportResult{{Outcome: identity.AlreadyThere, UserID: survivor.ID}},
		importUsers(t, f, n))
}

func contradictions(t *testing.T, f fixture) {
	n, other := fullImportedUser(), fullImportedUser()
	requireImported(t, f, n, other)
	change := func(change func(n *identity.ImportedUser)) identity.ImportedUser {
		changed := n
		changed.Identities = append([]identity.ExternalIdentity{}, n.Identities...)
		change(&changed)
		return changed
	}
	fresh := fullImportedUser()
	twice := fresh
	twice.Username = newName()
	for reason, rows := range map[string][]identity.ImportedUser{
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
		results := importUsers(t, f, rows...)
		require.Equal(t, identity.ImportResult{Reason: reason}, results[len(results)-1])
	}
	require.Len(t, importUsers(t, f, fullImportedUser(), twice, fullImportedUser()), 3)
}

func takenSubjects(t *testing.T, f fixture) {
	client, gone, n := f.newClient(t), fullImportedUser(), fullImportedUser()
	requireImported(t, f, gone)
	f.requestDeletion(t, f.user(t, gone.ID), 0)
	_, err := f.Deletions.PurgeDeleted(t.Context(), 10)
	require.NoError(t, err)
	require.Equal(t, []identity.ImportResult{
		{Reason: "the sub is the id of a client, with which the user could be confused"},
		{Reason: "the sub belonged to a deleted user and is never reused"},
		{Outcome: identity.Imported, UserID: n.ID},
	}, importUsers(t, f, identity.ImportedUser{ID: client.ID}, gone, n))
	require.ErrorIs(t, f.Clients.Create(t.Context(), identity.Client{ID: n.ID}), identity.ErrExists,
		"nor the other way round")
	gone.ID = ""
	requireImported(t, f, gone)
}

func invalidUsers(t *testing.T, f fixture) {
	future := fullImportedUser()
	future.CreatedAt = f.now(t).Add(2 * time.Minute)
	var lots []identity.ExternalIdentity
	for n := range identity.MaxExternalIdentities + 1 {
		lots = append(lots, newIdentity(fmt.Sprint("wx", n)))
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
		"an account needs an app and an openid": {Identities: []identity.ExternalIdentity{identityAt("wx1", "")}},
		"a user can have at most 32 accounts":   {Identities: lots},
		"a user can have only one account at each app": {
			Identities: []identity.ExternalIdentity{newIdentity("wx1"), newIdentity("wx1")}},
		"created_at is in the future": future,
	} {
		results := importUsers(t, f, fullImportedUser(), n, fullImportedUser())
		require.Equal(t, identity.ImportResult{Reason: reason}, results[1])
		require.Equal(t, identity.Imported, results[2].Outcome)
		if n.ID != "" {
			_, err := f.Users.Find(t.Context(), n.ID)
			require.ErrorIs(t, err, identity.ErrNotFound)
		}
	}
}

func unionOfAnotherUser(t *testing.T, f fixture) {
	union := newName()
	owner := f.requireNewUser(t, inUnion("op", union, newIdentity("wx1")))
	n := identity.ImportedUser{ID: newName(),
		Identities: []identity.ExternalIdentity{inUnion("op", union, newIdentity("wx2"))}}
	warning := "the union id of an account at wx2 belongs to " + owner.ID
	require.Equal(t, []identity.ImportResult{{Outcome: identity.Imported, UserID: n.ID, Warnings: []string{warning}}},
		importUsers(t, f, n))
	for range 2 {
		events := f.eventsOf(t, identity.EventUnionConflict, n.ID)
		require.Len(t, events, 1)
		require.Equal(t, warning, events[0].Detail)
		f.requireUser(t, f.user(t, n.ID), n.Identities[0])
		require.Equal(t, identity.AlreadyThere, importUsers(t, f, n)[0].Outcome)
	}
	f.requireUser(t, owner, inUnion("op", union, newIdentity("wx3")))
	duplicates, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1000)
	require.NoError(t, err)
	require.Contains(t, duplicates, identity.Duplicate{Platform: identity.PlatformWechat, OpenPlatform: "op",
		UnionID: union, Owner: owner.ID, Other: n.ID})

	union = newName() // if two rows have one union, the first row gets it
	pair := []identity.ImportedUser{
		{ID: newName(), Identities: []identity.ExternalIdentity{inUnion("op", union, newIdentity("wx1"))}},
		{ID: newName(), Identities: []identity.ExternalIdentity{inUnion("op", union, newIdentity("wx2"))}},
	}
	results := importUsers(t, f, pair...)
	require.Empty(t, results[0].Warnings)
	require.Equal(t, []string{"the union id of an account at wx2 belongs to " + pair[0].ID}, results[1].Warnings)
}

func importedLookAlikes(t *testing.T, f fixture) {
	base := newName()
	taken, err := f.Users.Create(t.Context(), base+"modern", "hash")
	require.NoError(t, err)
	var rows []identity.ImportedUser
	for n, name := range []string{base + "m\u043edern", base + "modem", base + "MODERN", base + "\u0455un",
		base + "sun", base + "su\u0578", "a\u01c0ice" + base, "adm\u0131n", base + "son"} {
		rows = append(rows, identity.ImportedUser{Line: n + 1, Username: name})
	}
	const refused, imported, known = identity.Refused, identity.Imported, identity.AlreadyThere
	want := []identity.Outcome{refused, imported, known, imported, refused, refused, refused, refused, imported}
	for _, size := range []int{2, len(rows)} {
		rehearsed := f.Imports.Rehearse()
		var results []identity.ImportResult
		for batch := range slices.Chunk(rows, size) {
			more, err := rehearsed.Import(t.Context(), batch)
			require.NoError(t, err)
			results = append(results, more...)
		}
		requireOutcomes(t, want, results)
		require.Equal(t, "the user name looks like that of line 4", results[4].Reason)
	}
	results := importUsers(t, f, rows...)
	requireOutcomes(t, want, results)
	require.Equal(t, "the user name looks like that of "+taken.ID, results[0].Reason)
	require.Equal(t, "the user name looks like that of "+results[3].UserID, results[5].Reason)
	want[1], want[3], want[8] = known, known, known
	requireOutcomes(t, want, importUsers(t, f, rows...))
}

// countAll counts what a rehearsal could have written.
func countAll(t *testing.T, f fixture) (users, events, duplicates int) {
	t.Helper()
	all, err := f.Users.List(t.Context(), "", math.MaxInt32)
	require.NoError(t, err)
	listed, err := f.Events.List(t.Context(), identity.EventsOf{}, math.MaxInt32)
	require.NoError(t, err)
	pairs, err := f.Merges.Duplicates(t.Context(), identity.Duplicate{}, 1000)
	require.NoError(t, err)
	return len(all), len(listed), len(pairs)
}

// rehearsal has rows that contradict existing users and earlier rows, within one call and over several.
func rehearsal(t *testing.T, f fixture) {
	there, first, second := fullImportedUser(), fullImportedUser(), fullImportedUser()
	requireImported(t, f, there)
	first.ID = ""
	renamed, moved, ofUnion, nameless := first, second, fullImportedUser(), second
	renamed.Username, nameless.ID = newName(), ""
	moved.Identities = first.Identities
	ofUnion.Identities = []identity.ExternalIdentity{inUnion("op", first.Identities[1].UnionID, newIdentity("wx3"))}
	ofThere := fullImportedUser()
	ofThere.Identities = []identity.ExternalIdentity{inUnion("op", there.Identities[1].UnionID, newIdentity("wx3"))}
	all := []identity.ImportedUser{there, first, second, first, second, renamed, moved, ofUnion, ofUnion, ofThere,
		nameless, {Line: 99}, fullImportedUser()}
	for n := range all {
		all[n].Line = n + 1
	}
	const refused, imported, known = identity.Refused, identity.Imported, identity.AlreadyThere
	want := []identity.Outcome{known, imported, imported, known, known, refused, refused, imported, known, imported,
		known, refused, imported}
	users, events, duplicates := countAll(t, f)
	for _, size := range []int{1, 4, len(all)} {
		rehearsed := f.Imports.Rehearse()
		var results []identity.ImportResult
		for batch := range slices.Chunk(all, size) {
			batchResults, err := rehearsed.Import(t.Context(), batch)
			require.NoError(t, err)
			results = append(results, batchResults...)
		}
		requireOutcomes(t, want, results)
		require.Equal(t, "the account at wx1 belongs to line 2, and the user name does not", results[5].Reason)
		require.Equal(t, "the sub belongs to line 3, and the account at wx1 to line 2", results[6].Reason)
		require.Equal(t, []string{"the union id of an account at wx3 belongs to line 2"}, results[7].Warnings)
		require.Equal(t, []string{"the union id of an account at wx3 belongs to " + there.ID}, results[9].Warnings)
		require.Equal(t, []string{there.ID, "", second.ID, "", second.ID}, []string{
			results[0].UserID, results[1].UserID, results[2].UserID, results[3].UserID, results[4].UserID,
		}, "no id is invented")
	}
	usersAfter, eventsAfter, duplicatesAfter := countAll(t, f)
	require.Equal(t, []int{users, events, duplicates}, []int{usersAfter, eventsAfter, duplicatesAfter})
	_, err := f.Users.FindByUsername(t.Context(), first.Username)
	require.ErrorIs(t, err, identity.ErrNotFound)
	requireOutcomes(t, want, importUsers(t, f, all...))
	fresh, err := f.Imports.Rehearse().Rehearse().Import(t.Context(), all[1:2])
	require.NoError(t, err)
	requireOutcomes(t, []identity.Outcome{known}, fresh)
}

func requireOutcomes(t *testing.T, want []identity.Outcome, results []identity.ImportResult) {
	t.Helper()
	var got []identity.Outcome
	for _, result := range results {
		got = append(got, result.Outcome)
	}
	require.Equal(t, want, got)
}

func hostileImports(t *testing.T, f fixture) {
	innocent := fullImportedUser()
	requireImported(t, f, innocent)
	before := f.user(t, innocent.ID)
	for _, text := range texts() {
		n := fullImportedUser()
		n.PasswordHash, n.Phone = text, text
		n.Profile = identity.Profile{Name: text, Nickname: text, Picture: text, Gender: text, Locale: text, Email: text,
			Address: text}
		n.Identities = []identity.ExternalIdentity{inUnion("op"+text, innocent.Identities[1].UnionID+text,
			identityAt("wx1"+text, innocent.Identities[0].Subject+text))}
		result := importUsers(t, f, n)[0]
		if result.Outcome == identity.Refused {
			_, err := f.Users.Find(t.Context(), n.ID)
			require.ErrorIs(t, err, identity.ErrNotFound, "refused %q", text)
			continue
		}
		require.Equal(t, identity.ImportResult{Outcome: identity.Imported, UserID: n.ID}, result, "%q", text)
		require.Equal(t, n.PasswordHash, f.user(t, n.ID).PasswordHash)
		require.Equal(t, n.Profile, f.details(t, n.ID).Profile)
		f.requireUser(t, f.user(t, n.ID), n.Identities[0])
	}
	for _, text := range texts() {
		for _, n := range []identity.ImportedUser{{ID: innocent.ID + text}, {Username: innocent.Username + text},
			{ID: newName(), Roles: []string{text}}} {
			result := importUsers(t, f, n)[0]
			require.NotEqual(t, innocent.ID, result.UserID, "%q", text)
		}
	}
	require.Equal(t, before, f.user(t, innocent.ID))
}

func contextEndsImport(t *testing.T, f fixture) {
	n := fullImportedUser()
	for _, imports := range []identity.Imports{f.Imports, f.Imports.Rehearse()} {
		_, err := imports.Import(canceled(t), []identity.ImportedUser{n})
		require.ErrorIs(t, err, canceled(t).Err())
	}
	_, err := f.Users.Find(t.Context(), n.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
}
