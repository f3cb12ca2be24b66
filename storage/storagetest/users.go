package storagetest

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func users() []testCase {
	return slices.Concat([]testCase{
		{"a user is found as created", userIsFound},
		{"an unknown user is not found", unknownUser},
		{"a disabled user is reported as disabled until enabled", disableAndEnable},
		{"disabling ends all sessions, and enabling does not restore them", disableEndsSessions},
		{"a new password replaces the old one and ends all sessions", passwordEndsSessions},
		{"pages of users are complete and ordered by id", pagesOfUsers},
	}, userRoles(), userHashes())
}

// newUser creates a user with a unique name.
func (f fixture) newUser(t *testing.T) identity.User {
	t.Helper()
	user, err := f.Users.Create(t.Context(), newName(), "$argon2id$hash")
	require.NoError(t, err)
	return user
}

// newName returns a unique text, for a name, a subject or anything else.
func newName() string { return "n" + strings.ReplaceAll(identity.NewSessionID(), "-", "") }

func (f fixture) user(t *testing.T, id string) identity.User {
	t.Helper()
	user, err := f.Users.Find(t.Context(), id)
	require.NoError(t, err)
	return inUTC(user)
}

// inUTC returns a user that can be compared, with times in UTC.
func inUTC(user identity.User) identity.User {
	user.CreatedAt, user.DisabledAt, user.DeletesAt = user.CreatedAt.UTC(), user.DisabledAt.UTC(), user.DeletesAt.UTC()
	return user
}

func userIsFound(t *testing.T, f fixture) {
	before := f.now(t)
	name := newName()
	created, err := f.Users.Create(t.Context(), name, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(created.ID, "u_"), created.ID)
	require.Equal(t, name, created.Username)
	require.Equal(t, "$argon2id$v=19$m=1,t=1,p=1$c2FsdA$aGFzaA", created.PasswordHash)
	require.False(t, created.Disabled())
	between(t, before, f.now(t), created.CreatedAt)

	require.Equal(t, inUTC(created), f.user(t, created.ID))
	named, err := f.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, inUTC(created), inUTC(named))
}

func unknownUser(t *testing.T, f fixture) {
	f.newUser(t)
	id := identity.NewUserID()
	_, err := f.Users.Find(t.Context(), id)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Users.FindByUsername(t.Context(), newName())
	require.ErrorIs(t, err, identity.ErrNotFound)
	require.ErrorIs(t, f.Users.Disable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, f.Users.Enable(t.Context(), id), identity.ErrNotFound)
	require.ErrorIs(t, f.Users.SetPassword(t.Context(), id, "hash"), identity.ErrNotFound)
}

func disableAndEnable(t *testing.T, f fixture) {
	before := f.now(t)
	user := f.newUser(t)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	require.NoError(t, f.Users.Disable(t.Context(), user.ID), "again")
	disabled := f.user(t, user.ID)
	require.True(t, disabled.Disabled())
	between(t, before, f.now(t), disabled.DisabledAt)
	require.Greater(t, disabled.AuthEpoch, user.AuthEpoch)
	require.NotEmpty(t, f.eventsOf(t, identity.EventUserDisabled, user.ID))

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	require.NoError(t, f.Users.Enable(t.Context(), user.ID), "again")
	enabled := f.user(t, user.ID)
	require.False(t, enabled.Disabled())
	require.GreaterOrEqual(t, enabled.AuthEpoch, disabled.AuthEpoch)
	require.NotEmpty(t, f.eventsOf(t, identity.EventUserEnabled, user.ID))
}

func disableEndsSessions(t *testing.T, f fixture) {
	client, user, other := f.newClient(t), f.newUser(t), f.newUser(t)
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	require.Equal(t, identity.EndedByDisable, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)

	require.NoError(t, f.Users.Enable(t.Context(), user.ID))
	f.requireLive(t, user)
	again := f.signIn(t, f.user(t, user.ID), client)
	f.requireLive(t, user, again.ID)
}

func passwordEndsSessions(t *testing.T, f fixture) {
	client, user, other := f.newClient(t), f.newUser(t), f.newUser(t)
	session, bystander := f.signIn(t, user, client), f.signIn(t, other, client)
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	require.Equal(t, identity.EndedByPassword, f.session(t, session.ID).EndReason)
	f.requireLive(t, user)
	f.requireLive(t, other, bystander.ID)

	changed := f.user(t, user.ID)
	require.Equal(t, "new hash", changed.PasswordHash)
	require.Equal(t, user.Username, changed.Username)
	require.Greater(t, changed.AuthEpoch, user.AuthEpoch)
	require.NotEmpty(t, f.eventsOf(t, identity.EventPasswordSet, user.ID))
	f.signIn(t, changed, client)
}

func pagesOfUsers(t *testing.T, f fixture) {
	var want, got []string
	for range 10 {
		want = append(want, f.newUser(t).ID)
	}
	for after := ""; ; {
		page, err := f.Users.List(t.Context(), after, 3)
		require.NoError(t, err)
		require.LessOrEqual(t, len(page), 3)
		if len(page) == 0 {
			break
		}
		for _, user := range page {
			require.Greater(t, user.ID, after, "ordered by bytes, whatever the database's collation")
			after = user.ID
			got = append(got, user.ID)
			require.Equal(t, f.user(t, user.ID), inUTC(user))
		}
	}
	require.Subset(t, got, want)
}

// userHashes returns the test cases of replacing the hash of an unchanged password.
func userHashes() []testCase {
	return []testCase{
		{"a renewed hash ends no session", hashIsRenewed},
		{"only the given hash is replaced", otherHashesStay},
		{"one of several parallel renewals is kept", often(parallelRenewals)},
		{"a new password wins over a renewed hash of the old one", passwordRacesRenewal},
	}
}

func hashIsRenewed(t *testing.T, f fixture) {
	user, other := f.newUser(t), f.newUser(t)
	session := f.signIn(t, user, f.newClient(t))
	replaced, err := f.Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "$argon2id$renewed")
	require.NoError(t, err)
	require.True(t, replaced)
	want := inUTC(user)
	want.PasswordHash = "$argon2id$renewed"
	require.Equal(t, want, f.user(t, user.ID), "nothing else changes, including the epoch")
	require.Equal(t, inUTC(other), f.user(t, other.ID), "who had the same hash")
	f.requireLive(t, user, session.ID)
	require.Len(t, f.eventsOf(t, identity.EventHashRenewed, user.ID), 1)
	require.Empty(t, f.eventsOf(t, identity.EventPasswordSet, user.ID))
}

func otherHashesStay(t *testing.T, f fixture) {
	ctx, user := t.Context(), f.newUser(t)
	without, err := f.Users.Create(ctx, newName(), "")
	require.NoError(t, err)
	disabled := f.newUser(t)
	require.NoError(t, f.Users.Disable(ctx, disabled.ID))
	disabled = f.user(t, disabled.ID)
	cases := []struct{ id, old string }{
		{user.ID, user.PasswordHash + " "}, {user.ID, ""}, {without.ID, ""}, {disabled.ID, disabled.PasswordHash},
		{identity.NewUserID(), user.PasswordHash}, {"", user.PasswordHash}, {user.Username, user.PasswordHash},
	}
	for _, text := range texts() {
		cases = append(cases, struct{ id, old string }{user.ID, text}, struct{ id, old string }{text,
			user.PasswordHash})
	}
	for _, c := range cases {
		replaced, err := f.Users.ReplacePasswordHash(ctx, c.id, c.old, "renewed")
		require.NoError(t, err, "%q %q", c.id, c.old)
		require.False(t, replaced, "%q %q", c.id, c.old)
	}
	_, err = f.Users.ReplacePasswordHash(ctx, user.ID, user.PasswordHash, "\x00")
	require.Error(t, err)
	for _, u := range []identity.User{user, without, disabled} {
		require.Equal(t, inUTC(u), f.user(t, u.ID))
		require.Empty(t, f.eventsOf(t, identity.EventHashRenewed, u.ID))
	}
}

func parallelRenewals(t *testing.T, f fixture) {
	user := f.newUser(t)
	winner := requireOneWinner(t, inParallel(callers, func(n int) (w won) {
		w.won, w.err = f.at(n).Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash,
			fmt.Sprint("renewed ", n))
		return w
	}))
	require.Equal(t, fmt.Sprint("renewed ", winner), f.user(t, user.ID).PasswordHash)
	require.Len(t, f.eventsOf(t, identity.EventHashRenewed, user.ID), 1)
}

func passwordRacesRenewal(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, _ identity.Client) error {
		user, err := f.Users.Find(t.Context(), user.ID)
		if err != nil {
			return err
		}
		changed := newName()
		answers := inParallel(2, func(n int) error {
			if n == 0 {
				return f.Users.SetPassword(t.Context(), user.ID, changed)
			}
			_, err := f.at(n).Users.ReplacePasswordHash(t.Context(), user.ID, user.PasswordHash, "renewed")
			return err
		})
		after, err := f.Users.Find(t.Context(), user.ID)
		if err == nil && after.PasswordHash != changed {
			err = fmt.Errorf("%s has the hash %q of the old password", user.ID, after.PasswordHash)
		}
		return errors.Join(append(answers, err)...)
	})
}

func usernames() []testCase {
	return []testCase{
		{"a user name is shown as written", usernameAsWritten},
		{"spellings of one name are the same name", spellings},
		{"an invalid name is rejected", noNames},
		{"one of several parallel creations of one name succeeds", often(parallelCreations)},
		{"a user without a name gets one, and another spelling later", userIsNamed},
		{"a name is not replaced by a different one that was requested in parallel", often(parallelNamesOfOne)},
		{"a user does not get an invalid name or another user's", userIsNotNamed},
		{"one of several users who are given one name in parallel gets it", often(parallelNames)},
		{"a name is taken by one that looks like it, if either has characters beyond ASCII", lookAlikes},
		{"of names that look alike and are taken in parallel only those in ASCII coexist", often(parallelLookAlikes)},
	}
}

func usernameAsWritten(t *testing.T, f fixture) {
	created, err := f.Users.Create(t.Context(), "Andre\u0301-"+newName(), "hash")
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(f.user(t, created.ID).Username, "André-"), "composed, with its case kept")
}

func spellings(t *testing.T, f fixture) {
	for _, spelled := range []struct{ first, other string }{
		{"Alice", "aLICE"},
		{"Müller", "Mu\u0308ller"},
		{"bob42", "ｂｏｂ４２"},
		{"Ｃａｒｏｌ", "carol"},
		{"Ångström", "A\u030angstro\u0308m"},
		{"令牌Maker", "令牌ｍａｋｅｒ"},
	} {
		created, err := f.Users.Create(t.Context(), spelled.first, "first")
		require.NoError(t, err)
		_, err = f.Users.Create(t.Context(), spelled.other, "other")
		require.ErrorIs(t, err, identity.ErrExists, spelled.other)
		for _, name := range []string{spelled.first, spelled.other} {
			found, err := f.Users.FindByUsername(t.Context(), name)
			require.NoError(t, err, name)
			require.Equal(t, inUTC(created), inUTC(found))
		}
	}
}

func noNames(t *testing.T, f fixture) {
	bystander := f.newUser(t)
	for _, name := range []string{
		"", " ", "two words", bystander.Username + " ", "\tname", "na\nme", "nul\x00", "\u200bname", "na\u200dme",
		"na\ufeffme",
		"\u202eeman", "na\u00adme", "na\u3000me", "\xff\xfe", "u_" + newName(), "U_" + newName(),
		strings.Repeat("n", 129),
	} {
		_, err := f.Users.Create(t.Context(), name, "hash")
		require.Error(t, err, "%q", name)
		require.NotErrorIs(t, err, identity.ErrExists, "%q", name)
		_, err = f.Users.FindByUsername(t.Context(), name)
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", name)
	}
	require.Equal(t, inUTC(bystander), f.user(t, bystander.ID))
}

func parallelCreations(t *testing.T, f fixture) {
	name := newName()
	winner := requireOneWinner(t, inParallel(callers, func(n int) won {
		spelling := name
		if n%2 == 1 {
			spelling = strings.ToUpper(name)
		}
		_, err := f.at(n).Users.Create(t.Context(), spelling, fmt.Sprint("hash ", n))
		return wonUnless(err, identity.ErrExists)
	}))
	found, err := f.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, fmt.Sprint("hash ", winner), found.PasswordHash)
}

func userIsNamed(t *testing.T, f fixture) {
	user := f.requireNewUser(t, newIdentity("wx1"))
	session := f.signIn(t, user, f.newClient(t))
	first := "Zo\u00eb-" + newName()
	for n, name := range []string{first, strings.ToUpper(first)} {
		require.NoError(t, f.Users.SetUsername(t.Context(), user.ID, name))
		require.Len(t, f.eventsOf(t, identity.EventUserNamed, user.ID), n+1)
		found, err := f.Users.FindByUsername(t.Context(), name)
		require.NoError(t, err)
		user.Username = name
		require.Equal(t, user, inUTC(found), "nothing else of the user changes")
	}
	second := newName()
	require.ErrorIs(t, f.Users.SetUsername(t.Context(), user.ID, second), identity.ErrExists, "the user has one")
	require.Equal(t, user, f.user(t, user.ID))
	require.Len(t, f.eventsOf(t, identity.EventUserNamed, user.ID), 2)
	_, err := f.Users.Create(t.Context(), second, "hash")
	require.NoError(t, err, "the name is free")
	f.requireLive(t, user, session.ID)
}

func userIsNotNamed(t *testing.T, f fixture) {
	user, other := f.newUser(t), f.newUser(t)
	require.ErrorIs(t, f.Users.SetUsername(t.Context(), user.ID, strings.ToUpper(other.Username)), identity.ErrExists)
	require.ErrorIs(t, f.Users.SetUsername(t.Context(), identity.NewUserID(), newName()), identity.ErrNotFound)
	for _, name := range []string{"", "two words", "nul\x00", "\xff\xfe", "u_" + newName(), strings.Repeat("n", 129)} {
		err := f.Users.SetUsername(t.Context(), user.ID, name)
		require.Error(t, err, "%q", name)
		require.NotErrorIs(t, err, identity.ErrExists, "%q", name)
		require.NotErrorIs(t, err, identity.ErrNotFound, "%q", name)
	}
	for _, text := range texts() {
		require.ErrorIs(t, f.Users.SetUsername(t.Context(), text, newName()), identity.ErrNotFound, "%q", text)
	}
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	require.Equal(t, inUTC(other), f.user(t, other.ID))
	require.Empty(t, f.eventsOf(t, identity.EventUserNamed, user.ID))
}

func parallelNames(t *testing.T, f fixture) {
	name, users := newName(), make([]identity.User, 8)
	for n := range users {
		users[n] = f.requireNewUser(t, newIdentity("wx1"))
	}
	winner := requireOneWinner(t, inParallel(len(users), func(n int) won {
		return wonUnless(f.at(n).Users.SetUsername(t.Context(), users[n].ID, name), identity.ErrExists)
	}))
	found, err := f.Users.FindByUsername(t.Context(), name)
	require.NoError(t, err)
	require.Equal(t, users[winner].ID, found.ID)
}

// parallelNamesOfOne gives a user two names in parallel. The one that succeeded must stay.
func parallelNamesOfOne(t *testing.T, f fixture) {
	user, names := f.requireNewUser(t, newIdentity("wx1")), []string{newName(), newName()}
	winner := requireOneWinner(t, inParallel(len(names), func(n int) won {
		return wonUnless(f.at(n).Users.SetUsername(t.Context(), user.ID, names[n]), identity.ErrExists)
	}))
	require.Equal(t, names[winner], f.user(t, user.ID).Username)
	_, err := f.Users.FindByUsername(t.Context(), names[1-winner])
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func lookAlikes(t *testing.T, f fixture) {
	base := newName()
	setName := map[string]func(name string) error{
		"CheckUsername": func(name string) error { return f.Users.CheckUsername(t.Context(), name) },
		"SetUsername": func(name string) error {
			return f.Users.SetUsername(t.Context(), f.requireNewUser(t, newIdentity("wx1")).ID, name)
		},
		"Create": func(name string) error { return errorOf(f.Users.Create(t.Context(), name, "hash")) },
	}
	for _, step := range []struct {
		name string
		want error
	}{
		{"modern", nil}, {"m\u043edern", identity.ErrExists}, {"M\u041eDEM", identity.ErrExists}, {"modem", nil},
		{"\u0455un", nil}, {"sun", identity.ErrExists}, {"SUN", identity.ErrExists}, {"su\u0578", identity.ErrExists},
		{"\u0455on", nil}, {"口", nil}, {"囗", identity.ErrExists}, {"日", nil},
	} {
		if step.want == nil {
			require.NoError(t, f.Users.CheckUsername(t.Context(), base+step.name))
			require.NoError(t, setName["Create"](base+step.name), step.name)
			continue
		}
		for how, set := range setName {
			require.ErrorIs(t, set(base+step.name), step.want, "%s %s", how, step.name)
		}
	}
	user, err := f.Users.FindByUsername(t.Context(), base+"\u0455un")
	require.NoError(t, err)
	require.NoError(t, f.Users.SetUsername(t.Context(), user.ID, base+"\u0405UN"), "their own, spelled otherwise")
	f.requestDeletion(t, user, 0)
	require.NoError(t, errorOf(f.Deletions.PurgeDeleted(t.Context(), 10)))
	require.NoError(t, setName["Create"](base+"sun"), "the other one is gone")
}

// parallelLookAlikes gives four names that look alike, of which two are in ASCII, by all ways at once.
func parallelLookAlikes(t *testing.T, f fixture) {
	base := newName()
	names := []string{base + "l1", base + "l\u04cf", base + "ll", base + "l\u0456"}
	row := identity.ImportedUser{Line: 1, Username: base + "l\u0406"}
	for _, err := range inParallel(callers, func(n int) (err error) {
		switch f := f.at(n); n % 3 {
		case 0:
			_, err = f.Imports.Import(t.Context(), []identity.ImportedUser{row, {Line: 2, Username: names[n/3%4]}})
		case 1:
			_, err = f.Users.Create(t.Context(), names[n/3%4], "hash")
		default:
			var user identity.User
			if user, _, err = f.Accounts.FindOrCreateUser(t.Context(), newIdentity("wx1")); err == nil {
				err = f.Users.SetUsername(t.Context(), user.ID, names[n/3%4])
			}
		}
		if errors.Is(err, identity.ErrExists) {
			return nil
		}
		return err
	}) {
		require.NoError(t, err)
	}
	var taken, ascii int
	for n, name := range names {
		if _, err := f.Users.FindByUsername(t.Context(), name); err == nil {
			taken, ascii = taken+1, ascii+1-n%2
		}
	}
	require.Positive(t, taken)
	require.True(t, taken == ascii || taken == 1, "%d names, %d of them in ASCII", taken, ascii)
}
