package storagetest

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func browserSessions() []testCase {
	return []testCase{
		{"a session is found by its secret, with its user", browserSessionIsFound},
		{"sessions are found in the order of the secrets", browserSessionsInOrder},
		{"a browser without sessions learns the time", noBrowserSessions},
		{"more secrets than a browser may have are rejected", tooManyBrowserSessions},
		{"a session's times come from the store's clock", browserSessionInstants},
		{"a user who changed since the sign-in cannot open a session", staleBrowserSession},
		{"a secret opens one session", browserSecretIsTaken},
		{"an id opens one session, even if that has ended", browserIDIsTaken},
		{"a session that is handed on keeps its client and the time of its sign-in", browserIsHandedOn},
		{"a session that was handed over ends with the one that it came from", handedBrowserEnds},
		{"expired sessions are not found or listed", expiredBrowserSession},
		{"a visit moves the idle expiry, but at most once a minute and never past the absolute one", browserIsSeen},
		{"a session that is not active is not seen", inactiveBrowserIsNotSeen},
		{"active sessions are listed, the most recently seen first", listOfBrowserSessions},
		{"a new sign-in in a browser replaces the session, and those of clients go on with the new one", browserRenews},
		{"a session of another user is not replaced", browserOfAnotherStays},
		{"a session of a client is opened only from an active session of the same user", opensFromBrowser},
		{"hostile texts are stored unchanged or rejected", hostileBrowserSessions},
	}
}

// newBrowserSession returns a browser session as a sign-in opens it.
func newBrowserSession(user identity.User) identity.BrowserSession {
	id := identity.NewSessionID()
	return identity.BrowserSession{
		ID: id, SecretHash: sha256.Sum256([]byte(id)), UserID: user.ID, Epoch: user.AuthEpoch,
		Method: identity.MethodPassword, Device: "测试 browser",
	}
}

// visit signs a user in in a new browser.
func visit(t *testing.T, f fixture, user identity.User) identity.BrowserSession {
	t.Helper()
	return openBrowser(t, f, newBrowserSession(user), "")
}

func openBrowser(t *testing.T, f fixture, session identity.BrowserSession, replaced string) identity.BrowserSession {
	t.Helper()
	opened, err := f.Browsers.Open(t.Context(), session, lifetimes(), replaced)
	require.NoError(t, err)
	return plainBrowser(opened)
}

// signInFrom opens a session of a client from a browser session.
func signInFrom(t *testing.T, f fixture, browser identity.BrowserSession, client identity.Client,
	scope string) identity.Session {
	t.Helper()
	user := f.user(t, browser.UserID)
	session := newSession(user, client)
	session.Browser, session.Scope, session.Account, session.AuthTime = browser.ID, scope, browser.Account,
		browser.AuthTime
	return f.open(t, session, user, 0)
}

// plainBrowser returns a session that can be compared: with times in UTC.
func plainBrowser(session identity.BrowserSession) identity.BrowserSession {
	for _, at := range []*time.Time{
		&session.AuthTime, &session.IdleExpiresAt, &session.ExpiresAt, &session.LastSeenAt, &session.EndedAt,
	} {
		*at = at.UTC()
	}
	return session
}

// seenIn returns who is signed in in a browser with sessions.
func seenIn(t *testing.T, f fixture, sessions ...identity.BrowserSession) []identity.SignedIn {
	t.Helper()
	var hashes [][32]byte
	for _, session := range sessions {
		hashes = append(hashes, session.SecretHash)
	}
	found, _, err := f.Browsers.Find(t.Context(), hashes...)
	require.NoError(t, err)
	for n := range found {
		found[n].BrowserSession, found[n].User = plainBrowser(found[n].BrowserSession), inUTC(found[n].User)
	}
	return found
}

// requireBrowsers requires exactly these browser sessions of a user to be active, the most recently seen first.
func requireBrowsers(t *testing.T, f fixture, user identity.User, want ...identity.BrowserSession) {
	t.Helper()
	listed, err := f.Browsers.List(t.Context(), user.ID)
	require.NoError(t, err)
	for n := range listed {
		listed[n] = plainBrowser(listed[n])
	}
	require.Equal(t, append([]identity.BrowserSession{}, want...), append([]identity.BrowserSession{}, listed...))
}

func browserSessionIsFound(t *testing.T, f fixture) {
	external := newIdentity("wx1")
	user, _ := f.findOrCreate(t, external)
	want := newBrowserSession(user)
	want.Account, want.Method = external.AccountKey, identity.PlatformWechat
	opened := openBrowser(t, f, want, "")
	want.AuthTime, want.LastSeenAt = opened.AuthTime, opened.LastSeenAt
	want.IdleExpiresAt, want.ExpiresAt = opened.IdleExpiresAt, opened.ExpiresAt
	require.Equal(t, plainBrowser(want), opened)
	require.Equal(t, []identity.SignedIn{{BrowserSession: opened, User: f.user(t, user.ID)}}, seenIn(t, f, opened))
	requireBrowsers(t, f, user, opened)
}

func browserSessionsInOrder(t *testing.T, f fixture) {
	alice, bob := f.newUser(t), f.newUser(t)
	first, second, third := visit(t, f, alice), visit(t, f, bob), visit(t, f, alice)
	unknown, elsewhere := newBrowserSession(alice), visit(t, f, bob)
	for _, order := range [][]identity.BrowserSession{{first, second, third}, {third, first, second}, {second}} {
		var found []identity.BrowserSession
		for _, signedIn := range seenIn(t, f, append(order, unknown, order[0])...) {
			require.Equal(t, signedIn.UserID, signedIn.User.ID)
			found = append(found, signedIn.BrowserSession)
		}
		require.Equal(t, order, found)
	}
	requireBrowsers(t, f, bob, elsewhere, second)
}

func noBrowserSessions(t *testing.T, f fixture) {
	visit(t, f, f.newUser(t))
	for _, secrets := range [][][32]byte{nil, {{}}, {{1}, {2}, {3}, {4}, {5}}} {
		before := f.now(t)
		found, now, err := f.Browsers.Find(t.Context(), secrets...)
		require.NoError(t, err)
		require.Empty(t, found)
		between(t, before, f.now(t), now)
	}
}

func browserIDIsTaken(t *testing.T, f fixture) {
	user := f.newUser(t)
	first := visit(t, f, user)
	again := newBrowserSession(user)
	again.ID = first.ID
	for range 2 {
		_, err := f.Browsers.Open(t.Context(), again, lifetimes(), first.ID)
		require.ErrorIs(t, err, identity.ErrExists)
		require.Empty(t, seenIn(t, f, again))
		endBrowser(t, f, first.ID, true)
	}
}

func browserIsHandedOn(t *testing.T, f fixture) {
	session := newBrowserSession(f.newUser(t))
	session.ClientID, session.AuthTime = "shop", f.now(t).Add(-24*time.Hour).Truncate(time.Millisecond)
	opened := openBrowser(t, f, session, "")
	require.Equal(t, "shop", opened.ClientID)
	sameInstant(t, session.AuthTime, opened.AuthTime)
	found := seenIn(t, f, opened)
	require.Len(t, found, 1)
	require.Equal(t, opened, found[0].BrowserSession)
}

func tooManyBrowserSessions(t *testing.T, f fixture) {
	_, _, err := f.Browsers.Find(t.Context(), make([][32]byte, identity.MaxBrowserSessions+1)...)
	require.Error(t, err)
}

func browserSessionInstants(t *testing.T, f fixture) {
	user := f.newUser(t)
	f.advance(30 * 24 * time.Hour) // far from this process's clock
	before := f.now(t)
	session := newBrowserSession(user)
	session.LastSeenAt, session.IdleExpiresAt, session.ExpiresAt = time.Now(), time.Now(), time.Now()
	opened := openBrowser(t, f, session, "")
	between(t, before, f.now(t), opened.LastSeenAt)
	require.Equal(t, opened.LastSeenAt, opened.AuthTime)
	sameInstant(t, opened.LastSeenAt.Add(lifetimes().Idle), opened.IdleExpiresAt)
	sameInstant(t, opened.LastSeenAt.Add(lifetimes().Absolute), opened.ExpiresAt)
	_, now, err := f.Browsers.Find(t.Context(), opened.SecretHash)
	require.NoError(t, err)
	between(t, opened.LastSeenAt, f.now(t), now)
	short, err := f.Browsers.Open(t.Context(), newBrowserSession(user),
		identity.Lifetimes{Idle: 7 * 24 * time.Hour, Absolute: time.Hour}, "")
	require.NoError(t, err)
	require.Equal(t, short.ExpiresAt, short.IdleExpiresAt)
}

func staleBrowserSession(t *testing.T, f fixture) {
	user := f.newUser(t)
	kept := visit(t, f, user)
	refused := func(user identity.User) {
		t.Helper()
		session := newBrowserSession(user)
		_, err := f.Browsers.Open(t.Context(), session, lifetimes(), kept.ID)
		require.ErrorIs(t, err, identity.ErrStale)
		require.Empty(t, seenIn(t, f, session))
	}
	refused(identity.User{ID: identity.NewUserID()})
	refused(identity.User{ID: user.ID, AuthEpoch: user.AuthEpoch + 1})
	requireBrowsers(t, f, user, kept) // it was not replaced
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	refused(user)
	require.NoError(t, f.Users.Disable(t.Context(), user.ID))
	refused(f.user(t, user.ID))
}

func browserSecretIsTaken(t *testing.T, f fixture) {
	user, other := f.newUser(t), f.newUser(t)
	taken := visit(t, f, user)
	session := newBrowserSession(other)
	session.SecretHash = taken.SecretHash
	_, err := f.Browsers.Open(t.Context(), session, lifetimes(), "")
	require.ErrorIs(t, err, identity.ErrExists)
	require.Equal(t, user.ID, seenIn(t, f, taken)[0].User.ID)
}

func expiredBrowserSession(t *testing.T, f fixture) {
	user := f.newUser(t)
	opened := visit(t, f, user)
	f.advance(lifetimes().Idle)
	require.Empty(t, seenIn(t, f, opened))
	requireBrowsers(t, f, user)
}

func touchBrowser(t *testing.T, f fixture, id string) {
	t.Helper()
	require.NoError(t, f.Browsers.Touch(t.Context(), id, lifetimes().Idle))
}

func browserIsSeen(t *testing.T, f fixture) {
	user := f.newUser(t)
	session := newBrowserSession(user)
	opened, err := f.Browsers.Open(t.Context(), session, identity.Lifetimes{Idle: time.Hour,
		Absolute: lifetimes().Absolute}, "")
	require.NoError(t, err)
	opened = plainBrowser(opened)
	f.advance(time.Second)
	touchBrowser(t, f, opened.ID)
	first := seenIn(t, f, opened)[0].BrowserSession
	require.Equal(t, first.LastSeenAt.Add(lifetimes().Idle), first.IdleExpiresAt, "the browser has come back")
	f.advance(time.Second)
	touchBrowser(t, f, opened.ID)
	require.Equal(t, first, seenIn(t, f, opened)[0].BrowserSession, "it was touched less than a minute ago")
	f.advance(time.Minute)
	before := f.now(t)
	touchBrowser(t, f, opened.ID)
	seen := seenIn(t, f, opened)[0]
	between(t, before, f.now(t), seen.LastSeenAt)
	require.Equal(t, seen.LastSeenAt.Add(lifetimes().Idle), seen.IdleExpiresAt)
	require.Equal(t, opened.ExpiresAt, seen.ExpiresAt)
	for range 13 { // 91 days
		f.advance(lifetimes().Idle - time.Minute)
		touchBrowser(t, f, opened.ID)
		if found := seenIn(t, f, opened); len(found) > 0 {
			require.False(t, found[0].IdleExpiresAt.After(opened.ExpiresAt))
		}
	}
	require.Empty(t, seenIn(t, f, opened), "the absolute expiry has passed")
}

func inactiveBrowserIsNotSeen(t *testing.T, f fixture) {
	user, disabled := f.newUser(t), f.newUser(t)
	ended, idle, withUser := visit(t, f, user), visit(t, f, user), visit(t, f, disabled)
	f.advance(lifetimes().Idle - time.Minute)
	require.True(t, endBrowser(t, f, ended.ID, true))
	require.NoError(t, f.Users.Disable(t.Context(), disabled.ID))
	touchBrowser(t, f, ended.ID)
	touchBrowser(t, f, withUser.ID)
	require.NoError(t, f.Users.Enable(t.Context(), disabled.ID))
	f.advance(time.Minute)
	touchBrowser(t, f, idle.ID)
	touchBrowser(t, f, identity.NewSessionID())
	require.Empty(t, seenIn(t, f, ended, idle, withUser))
}

func listOfBrowserSessions(t *testing.T, f fixture) {
	user := f.newUser(t)
	first, second, third := visit(t, f, user), visit(t, f, user), visit(t, f, user)
	visit(t, f, f.newUser(t))
	requireBrowsers(t, f, user, third, second, first)
	f.advance(time.Hour)
	touchBrowser(t, f, second.ID)
	require.True(t, endBrowser(t, f, third.ID, true))
	requireBrowsers(t, f, user, seenIn(t, f, second)[0].BrowserSession, first)
	requireBrowsers(t, f, f.newUser(t))
}

func browserRenews(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	old, elsewhere := visit(t, f, user), visit(t, f, user)
	active, ended := signInFrom(t, f, old, client, "openid"), signInFrom(t, f, old, client, "openid")
	other := signInFrom(t, f, elsewhere, client, "openid")
	f.end(t, ended.ID)
	renewed := openBrowser(t, f, newBrowserSession(user), old.ID)
	require.Empty(t, seenIn(t, f, old), "a secret from before the sign-in is of no use (session fixation)")
	requireBrowsers(t, f, user, renewed, elsewhere)
	active.Browser = renewed.ID
	require.Equal(t, active, f.session(t, active.ID))
	require.Equal(t, renewed.ID, f.session(t, ended.ID).Browser, "its client is told about the end, too")
	require.Equal(t, other, f.session(t, other.ID))
	require.Len(t, f.eventsOf(t, identity.EventSessionEnded, user.ID), 1, "only of the session that ended before")

	again := openBrowser(t, f, newBrowserSession(user), old.ID)
	require.Equal(t, renewed.ID, f.session(t, active.ID).Browser, "the old one was replaced already")
	require.True(t, endBrowser(t, f, renewed.ID, true))
	require.Equal(t, identity.EndedBySignOut, f.session(t, active.ID).EndReason)
	requireBrowsers(t, f, user, again, elsewhere)
}

func browserOfAnotherStays(t *testing.T, f fixture) {
	alice, bob, client := f.newUser(t), f.newUser(t), f.newClient(t)
	hers := visit(t, f, alice)
	session := signInFrom(t, f, hers, client, "openid")
	his := openBrowser(t, f, newBrowserSession(bob), hers.ID)
	requireBrowsers(t, f, alice, hers)
	requireBrowsers(t, f, bob, his)
	require.Equal(t, session, f.session(t, session.ID))
}

// opensFromBrowser has an authorization code that is redeemed after its browser session has ended, and one that names
// the browser session of another user.
func opensFromBrowser(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	refused := func(browser string) {
		t.Helper()
		session := newSession(user, client)
		session.Browser = browser
		requireStale(t, f, session, f.user(t, user.ID).AuthEpoch)
	}
	refused(identity.NewSessionID())
	refused(visit(t, f, f.newUser(t)).ID)
	ended := visit(t, f, user)
	require.True(t, endBrowser(t, f, ended.ID, true))
	refused(ended.ID)
	replaced := visit(t, f, user)
	openBrowser(t, f, newBrowserSession(user), replaced.ID)
	refused(replaced.ID)
	idle := visit(t, f, user)
	require.Equal(t, idle.ID, signInFrom(t, f, idle, client, "openid").Browser)
	f.advance(lifetimes().Idle)
	refused(idle.ID)
	older := visit(t, f, user)
	require.NoError(t, f.Users.SetPassword(t.Context(), user.ID, "new hash"))
	refused(older.ID)
}

func hostileBrowserSessions(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	innocent := visit(t, f, user)
	for _, text := range texts() {
		session := newBrowserSession(user)
		session.Method, session.Device = text, text
		session.Account = identity.AccountKey{Platform: text, App: text, Subject: text}
		if opened, err := f.Browsers.Open(t.Context(), session, lifetimes(), text); err == nil {
			require.Equal(t, plainBrowser(opened), seenIn(t, f, session)[0].BrowserSession)
			ended, err := f.Browsers.End(t.Context(), session.ID, text, true)
			require.NoError(t, err, "%q", text)
			require.True(t, ended)
		}
		opened := newSession(user, client)
		opened.Browser = text
		require.Error(t, errorOf(f.Sessions.Open(t.Context(), opened, user.AuthEpoch, lifetimes(), 0)), "%q", text)
		ended, err := f.Browsers.End(t.Context(), text, identity.EndedByUser, true)
		require.NoError(t, err, "%q", text)
		require.False(t, ended)
		require.NoError(t, f.Browsers.Touch(t.Context(), text, time.Hour))
		requireBrowsers(t, f, identity.User{ID: text})
	}
	require.Error(t, errorOf(f.Browsers.End(t.Context(), innocent.ID, "a\x00", true)))
	requireBrowsers(t, f, user, innocent)
}

// handedBrowserEnds: whatever ends a session ends what it was handed to, and what came from there.
func handedBrowserEnds(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	for name, end := range map[string]func(id string){
		"its user": func(id string) {
			_, err := f.Sessions.End(t.Context(), id, identity.EndedByClient)
			require.NoError(t, err)
		},
		"a theft": func(id string) {
			_, err := f.Sessions.End(t.Context(), id, identity.EndedByTheft)
			require.NoError(t, err)
		},
		"all": func(string) {
			_, err := f.Sessions.EndAll(t.Context(), user.ID, identity.EndedByOperator)
			require.NoError(t, err)
		},
		"those that were refreshed since a leak": func(id string) {
			f.advance(time.Minute)
			since := f.now(t)
			touch(t, f, id)
			_, err := f.Sessions.EndSince(t.Context(), since, identity.EndedByOperator)
			require.NoError(t, err)
		},
	} {
		from, kept := f.signIn(t, user, client), f.signIn(t, user, client)
		handed := newBrowserSession(user)
		handed.ClientID, handed.HandedBy = client.ID, from.ID
		browser := openBrowser(t, f, handed, "")
		require.Equal(t, from.ID, browser.HandedBy)
		at := signInFrom(t, f, browser, client, "openid")
		end(from.ID)
		require.Empty(t, seenIn(t, f, browser), name)
		found, now, err := f.Sessions.Find(t.Context(), at.ID)
		require.NoError(t, err)
		require.False(t, found.Active(now), name)
		found, now, err = f.Sessions.Find(t.Context(), kept.ID)
		require.NoError(t, err)
		require.Equal(t, name != "all", found.Active(now), name)
		late := newBrowserSession(user)
		late.HandedBy = from.ID
		_, err = f.Browsers.Open(t.Context(), late, lifetimes(), "")
		require.ErrorIs(t, err, identity.ErrStale, name)
	}
}

// endRacesHandOver hands a session over while it ends.
func endRacesHandOver(t *testing.T, f fixture) {
	race(t, f, 500, func(t *testing.T, user identity.User, client identity.Client) error {
		from, err := f.Sessions.Open(t.Context(), newSession(user, client), user.AuthEpoch, lifetimes(), 0)
		if err != nil {
			return err
		}
		handed := newBrowserSession(user)
		handed.ClientID, handed.HandedBy = client.ID, from.ID
		answers := inParallel(2, func(n int) error {
			if n == 0 {
				return errorOf(f.Sessions.End(t.Context(), from.ID, identity.EndedByClient))
			}
			return unlessStale(errorOf(f.at(n).Browsers.Open(t.Context(), handed, lifetimes(), "")))
		})
		active, err := f.Browsers.List(t.Context(), user.ID)
		if len(active) > 0 {
			err = fmt.Errorf("user %s has %d active browser sessions", user.ID, len(active))
		}
		return errors.Join(append(answers, err)...)
	})
}
