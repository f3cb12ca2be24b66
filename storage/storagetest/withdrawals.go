package storagetest

import (
	"crypto/sha256"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func withdrawals() []testCase {
	return []testCase{
		{"a withdrawal deletes the data that it names, and no other", namedDataIsDeleted},
		{"a chosen profile is deleted only as far as it is named", chosenProfileIsKept},
		{"data of users who were merged into the user is deleted, too", dataOfMergedUsers},
		{"a withdrawal ends the sessions of its account, and no others", sessionsOfAccountEnd},
		{"what came after the withdrawal stays", laterStays},
		{"a sign-in that began before the withdrawal opens no session", signInInFlight},
		{"a withdrawal is applied once", appliedOnce},
		{"one of several parallel callers applies a withdrawal", often(parallelWithdrawals)},
		{"parallel withdrawals of one user are all applied", often(parallelWithdrawalsOfOne)},
		{"a withdrawal of an unknown user is recorded", unknownUserWithdraws},
		{"a closed account is removed from a user who can sign in otherwise", closedAccountIsRemoved},
		{"the accounts of a closed account's union are removed with it", closedUnionIsRemoved},
		{"a user whose only account was closed is deleted after the grace time", lastAccountIsClosed},
		{"an account that has signed in since it was closed stays", closedAccountIsUsed},
		{"ids are forgotten, the oldest first", oldWithdrawalsArePruned},
	}
}

// everything is all data.
var everything = identity.WithdrawnData{Suggested: true, Nickname: true, Picture: true, Email: true, Address: true,
	Phone: true}

// withdraw applies a new withdrawal of what was there until now.
func withdraw(t *testing.T, f fixture, w identity.Withdrawal) {
	t.Helper()
	if w.At.IsZero() {
		w.At = f.now(t)
	}
	if w.Kind == "" {
		w.Kind = identity.EventAuthRevoked
	}
	applied, err := f.Withdrawals.Apply(t.Context(), newID(), w)
	require.NoError(t, err)
	require.True(t, applied)
}

func newID() [32]byte { return sha256.Sum256([]byte(newName())) }

// requireRecorded requires one event of a withdrawal by a user.
func requireRecorded(t *testing.T, f fixture, kind, userID, detail string) {
	t.Helper()
	events := f.eventsOf(t, kind, userID)
	require.Len(t, events, 1)
	require.Equal(t, detail, events[0].Detail)
}

// suggested is a profile as WeChat gives it.
func suggested() identity.Profile {
	return identity.Profile{Nickname: "小明", Picture: "https://example.com/a.png", Gender: "male"}
}

// signInBy opens a session by an account, now.
func signInBy(t *testing.T, f fixture, user identity.User, client identity.Client,
	by identity.ExternalIdentity) identity.Session {
	t.Helper()
	session := newSession(user, client)
	session.Account, session.AuthTime = by.AccountKey, f.now(t)
	return f.open(t, session, user, 0)
}

// givePhone stores a phone number that was given now.
func givePhone(t *testing.T, f fixture, user identity.User) {
	t.Helper()
	require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: "+8613800000000",
		SeenAt: f.now(t), Verified: true}))
}

func namedDataIsDeleted(t *testing.T, f fixture) {
	for name, of := range map[string]struct {
		data   identity.WithdrawnData
		delete func(*identity.Details)
		detail string
	}{
		"nothing": {identity.WithdrawnData{}, func(*identity.Details) {}, "nothing to do"},
		"the profile": {identity.WithdrawnData{Suggested: true}, func(d *identity.Details) {
			d.Profile = identity.Profile{}
		}, "deleted the profile"},
		"the nickname": {identity.WithdrawnData{Nickname: true}, func(d *identity.Details) { d.Nickname = "" },
			"deleted the nickname"},
		"the picture": {identity.WithdrawnData{Picture: true}, func(d *identity.Details) { d.Picture = "" },
			"deleted the picture"},
		"the phone number": {identity.WithdrawnData{Phone: true}, func(d *identity.Details) {
			d.Phone = identity.Phone{}
		}, "deleted the phone number"},
		"everything": {everything, func(d *identity.Details) { *d = identity.Details{} },
			"deleted the phone number, deleted the profile"},
	} {
		t.Run(name, func(t *testing.T) {
			e := newIdentity("wx1")
			user, bystander := f.requireNewUser(t, e), f.requireNewUser(t, newIdentity("wx1"))
			for _, of := range []identity.User{user, bystander} {
				_, err := f.Profiles.Suggest(t.Context(), of.ID, suggested())
				require.NoError(t, err)
				givePhone(t, f, of)
			}
			want, others := f.details(t, user.ID), f.details(t, bystander.ID)
			of.delete(&want)
			f.advance(time.Minute)
			withdraw(t, f, identity.Withdrawal{Account: e.AccountKey, What: "6", Data: of.data})
			got := f.details(t, user.ID)
			got.UpdatedAt = want.UpdatedAt
			require.Equal(t, want, got)
			require.Equal(t, others, f.details(t, bystander.ID))
			requireRecorded(t, f, identity.EventAuthRevoked, user.ID, "wechat wx1 6: "+of.detail)
		})
	}
}

func chosenProfileIsKept(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	user := f.requireNewUser(t, e)
	chosen := fullProfile()
	chosen.Name = chosen.Nickname // the name is the nickname, in another field
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, chosen))
	f.advance(time.Minute)
	for _, step := range []struct {
		data   identity.WithdrawnData
		delete func(*identity.Profile)
	}{
		{identity.WithdrawnData{Suggested: true}, func(*identity.Profile) {}},
		{identity.WithdrawnData{Nickname: true}, func(p *identity.Profile) { p.Nickname, p.Name = "", "" }},
		{identity.WithdrawnData{Picture: true}, func(p *identity.Profile) { p.Picture = "" }},
		{identity.WithdrawnData{Email: true}, func(p *identity.Profile) { p.Email = "" }},
		{identity.WithdrawnData{Address: true}, func(p *identity.Profile) { p.Address = "" }},
	} {
		withdraw(t, f, identity.Withdrawal{Account: e.AccountKey, Data: step.data})
		step.delete(&chosen)
		require.Equal(t, chosen, f.details(t, user.ID).Profile)
		require.True(t, f.details(t, user.ID).Chosen)
	}
}

func dataOfMergedUsers(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	retired, survivor := f.requireNewUser(t, e), f.requireNewUser(t, newIdentity("wx2"))
	_, err := f.Profiles.Suggest(t.Context(), retired.ID, suggested())
	require.NoError(t, err)
	givePhone(t, f, retired)
	f.merge(t, retired, survivor)
	f.advance(time.Minute)
	withdraw(t, f, identity.Withdrawal{Account: e.AccountKey, Data: everything})
	details := f.details(t, retired.ID)
	require.Zero(t, details.Profile)
	require.Zero(t, details.Phone)
	requireRecorded(t, f, identity.EventAuthRevoked, survivor.ID,
		"wechat wx1: deleted the phone number, deleted the profile")
}

func sessionsOfAccountEnd(t *testing.T, f fixture) {
	s := newSignedIn(t, f)
	f.advance(time.Minute)
	withdraw(t, f, identity.Withdrawal{Account: s.account.AccountKey, Ends: true})
	active := []string{"browser", "client", "client offline", "app"}
	s.require(t, f, identity.EndedByPlatform, active...)
	s.requireNotices(t, f, active)
	requireRecorded(t, f, identity.EventAuthRevoked, s.user.ID, "wechat wx1: sessions ended: 3")
}

// laterStays: a notice that is a day late must not undo what the user has given since.
func laterStays(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	user := f.requireNewUser(t, e)
	client := f.newClient(t)
	signInBy(t, f, user, client, e)
	_, err := f.Profiles.Suggest(t.Context(), user.ID, suggested())
	require.NoError(t, err)
	f.advance(time.Minute)
	withdrawnAt := f.now(t)

	f.advance(time.Hour)
	givePhone(t, f, user) // which is no reason to keep the profile
	after := signInBy(t, f, user, client, e)
	byAccount := newBrowserSession(user)
	byAccount.Account = e.AccountKey
	visited := openBrowser(t, f, byAccount, "")
	f.advance(23 * time.Hour)
	late := identity.Withdrawal{Account: e.AccountKey, At: withdrawnAt, Data: everything, Ends: true}
	withdraw(t, f, late)
	f.requireLive(t, user, after.ID)
	require.Len(t, seenIn(t, f, visited), 1)
	details := f.details(t, user.ID)
	require.Zero(t, details.Profile)
	require.NotZero(t, details.Phone)

	_, err = f.Profiles.Suggest(t.Context(), user.ID, suggested())
	require.NoError(t, err)
	withdraw(t, f, late)
	require.Equal(t, suggested(), f.details(t, user.ID).Profile)

	created := newIdentity("wx1")
	late.Account, late.Closed = created.AccountKey, true
	since := f.requireNewUser(t, created)
	withdraw(t, f, late)
	f.requireAccounts(t, since, created.AccountKey)
	requireRecorded(t, f, identity.EventAuthRevoked, since.ID, "wechat wx1: nothing to do")
}

func signInInFlight(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	read := f.requireNewUser(t, e)
	withdraw(t, f, identity.Withdrawal{Account: e.AccountKey, Ends: true})
	session := newSession(read, f.newClient(t))
	session.Account = e.AccountKey
	_, err := f.Sessions.Open(t.Context(), session, read.AuthEpoch, lifetimes(), 0)
	require.ErrorIs(t, err, identity.ErrStale)
}

func appliedOnce(t *testing.T, f fixture) {
	e, id := newIdentity("wx1"), newID()
	user := f.requireNewUser(t, e)
	givePhone(t, f, user)
	f.advance(time.Minute)
	w := identity.Withdrawal{Kind: identity.EventAuthRevoked, Account: e.AccountKey, At: f.now(t), Data: everything}
	for n := range 3 {
		applied, err := f.Withdrawals.Apply(t.Context(), id, w)
		require.NoError(t, err)
		require.Equal(t, n == 0, applied)
	}
	require.Len(t, f.eventsOf(t, identity.EventAuthRevoked, user.ID), 1)
}

func parallelWithdrawals(t *testing.T, f fixture) {
	e, id := newIdentity("wx1"), newID()
	user := f.requireNewUser(t, e)
	w := identity.Withdrawal{Kind: identity.EventAuthRevoked, Account: e.AccountKey, At: f.now(t), Ends: true}
	requireOneWinner(t, inParallel(callers, func(n int) won {
		applied, err := f.at(n).Withdrawals.Apply(t.Context(), id, w)
		return won{applied, err}
	}))
	require.Len(t, f.eventsOf(t, identity.EventAuthRevoked, user.ID), 1)
	require.Equal(t, user.AuthEpoch+1, f.user(t, user.ID).AuthEpoch)
}

func parallelWithdrawalsOfOne(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	user := f.requireNewUser(t, e)
	f.link(t, user, newIdentity("wx2"))
	w := identity.Withdrawal{Kind: identity.EventAuthRevoked, Account: e.AccountKey, At: f.now(t), Data: everything,
		Ends: true}
	for _, answer := range inParallel(callers/2, func(n int) won {
		w := w
		w.Closed = n%4 == 3
		applied, err := f.at(n).Withdrawals.Apply(t.Context(), newID(), w)
		return won{applied, err}
	}) {
		require.NoError(t, answer.err)
		require.True(t, answer.won)
	}
	_, err := f.Accounts.Find(t.Context(), e.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func unknownUserWithdraws(t *testing.T, f fixture) {
	before := len(f.eventsOf(t, identity.EventInfoModified, ""))
	for _, subject := range append(texts(), newName()) {
		withdraw(t, f, identity.Withdrawal{Kind: identity.EventInfoModified, Data: everything, Ends: true, Closed: true,
			Account: identity.AccountKey{Platform: identity.PlatformWechat, App: "wx1", Subject: subject}})
	}
	events := f.eventsOf(t, identity.EventInfoModified, "")
	require.Greater(t, len(events), before)
	require.Equal(t, "wechat wx1: unknown user", events[0].Detail)
}

func closedAccountIsRemoved(t *testing.T, f fixture) {
	s := newSignedIn(t, f)
	f.advance(time.Minute)
	withdraw(t, f, identity.Withdrawal{Kind: identity.EventAuthCancelled, Account: s.account.AccountKey, Ends: true,
		Closed: true, Grace: time.Hour})
	accounts, err := f.Accounts.List(t.Context(), s.user.ID)
	require.NoError(t, err)
	require.Len(t, accounts, 1)
	require.Equal(t, "wx2", accounts[0].App)
	s.require(t, f, identity.EndedByPlatform, "browser", "client", "client offline", "app")
	require.False(t, f.user(t, s.user.ID).DeletionRequested())
	require.Len(t, f.eventsOf(t, identity.EventUnlinked, s.user.ID), 1)
	requireRecorded(t, f, identity.EventAuthCancelled, s.user.ID, "wechat wx1: sessions ended: 3, accounts removed: 1")

	named := f.newUser(t) // with a name and a password
	e := newIdentity("wx1")
	f.link(t, named, e)
	withdraw(t, f, identity.Withdrawal{Account: e.AccountKey, Closed: true})
	f.requireAccounts(t, named)
	require.False(t, f.user(t, named.ID).DeletionRequested())
}

func closedUnionIsRemoved(t *testing.T, f fixture) {
	union := newName()
	one, two := inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2"))
	other := newIdentity("wx3")
	user := f.requireNewUser(t, one)
	f.requireUser(t, user, two)
	f.link(t, user, other)
	withdraw(t, f, identity.Withdrawal{Account: one.AccountKey, Closed: true})
	f.requireAccounts(t, user, other.AccountKey)

	// the accounts of one person at WeChat are no other way to sign in
	union = newName()
	one, two = inUnion("op", union, newIdentity("wx1")), inUnion("op", union, newIdentity("wx2"))
	user = f.requireNewUser(t, one)
	f.requireUser(t, user, two)
	withdraw(t, f, identity.Withdrawal{Account: one.AccountKey, Closed: true, Grace: time.Hour})
	require.True(t, f.user(t, user.ID).DeletionRequested())
}

func lastAccountIsClosed(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	user := f.requireNewUser(t, e)
	signInBy(t, f, user, f.newClient(t), e)
	f.advance(time.Minute)
	before := f.now(t)
	withdraw(t, f, identity.Withdrawal{Kind: identity.EventAuthCancelled, Account: e.AccountKey, Data: everything,
		Ends: true, Closed: true, Grace: time.Hour})
	f.requireLive(t, user)
	between(t, before.Add(time.Hour), f.now(t).Add(time.Hour), f.user(t, user.ID).DeletesAt)
	require.Len(t, f.eventsOf(t, identity.EventDeletionRequested, user.ID), 1)
	requireRecorded(t, f, identity.EventAuthCancelled, user.ID, "wechat wx1: sessions ended: 1, "+
		"scheduled the deletion of the user, who has no other way to sign in")
	f.advance(time.Hour + time.Second)
	f.purge(t)
	_, err := f.Users.Find(t.Context(), user.ID)
	require.ErrorIs(t, err, identity.ErrNotFound)
	_, err = f.Accounts.Find(t.Context(), e.AccountKey)
	require.ErrorIs(t, err, identity.ErrNotFound)
}

func closedAccountIsUsed(t *testing.T, f fixture) {
	e := newIdentity("wx1")
	user := f.requireNewUser(t, e)
	f.advance(time.Minute)
	closedAt := f.now(t)
	f.advance(time.Minute)
	session := signInBy(t, f, user, f.newClient(t), e)
	f.advance(time.Minute)
	withdraw(t, f, identity.Withdrawal{Kind: identity.EventAuthCancelled, Account: e.AccountKey, At: closedAt,
		Ends: true, Closed: true})
	f.requireLive(t, user, session.ID)
	f.requireAccounts(t, user, e.AccountKey)
	require.False(t, f.user(t, user.ID).DeletionRequested())
	requireRecorded(t, f, identity.EventAuthCancelled, user.ID,
		"wechat wx1: kept the account, which has signed in since")
}

func oldWithdrawalsArePruned(t *testing.T, f fixture) {
	apply := func(id [32]byte) bool {
		applied, err := f.Withdrawals.Apply(t.Context(), id, identity.Withdrawal{Kind: identity.EventInfoModified,
			Account: newIdentity("wx1").AccountKey, At: f.now(t)})
		require.NoError(t, err)
		return applied
	}
	old, recent := newID(), newID()
	require.True(t, apply(old))
	f.advance(48 * time.Hour)
	require.True(t, apply(recent))
	total := 0
	for {
		pruned, err := f.Withdrawals.Prune(t.Context(), 24*time.Hour, 2)
		require.NoError(t, err)
		if total += pruned; pruned == 0 {
			break
		}
	}
	require.Positive(t, total)
	require.False(t, apply(recent))
	require.True(t, apply(old), "it is forgotten")
}
