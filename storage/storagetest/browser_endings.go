package storagetest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func browserEndings() []testCase {
	return []testCase{
		{"what ends what", whatEndsWhat},
		{"a browser session ends once, with one event", browserEndsOnce},
		{"one of several parallel endings ends the browser session", often(parallelBrowserEndings)},
		{"the expiry of a browser session ends nothing", browserExpiryEndsNothing},
		{"an expired browser session can be ended, for an ID token from before", expiredBrowserEnds},
		{"a deleted user leaves no browser session", browsersAreDeleted},
	}
}

func endBrowser(t *testing.T, f fixture, id string, all bool) bool {
	t.Helper()
	ended, err := f.Browsers.End(t.Context(), id, identity.EndedBySignOut, all)
	require.NoError(t, err)
	return ended
}

// signedIn is a user who is signed in in every way: in two browsers, by a password and by an account, at a client from
// each of them, and in apps.
type signedIn struct {
	user     identity.User
	client   identity.Client
	account  identity.ExternalIdentity
	browsers map[string]identity.BrowserSession
	sessions map[string]identity.Session
}

// everySession has the names of the sessions of signedIn.
var everySession = []string{"browser", "browser by account", "client", "client offline", "client by account", "app",
	"app by account"}

func newSignedIn(t *testing.T, f fixture) signedIn {
	t.Helper()
	s := signedIn{user: f.newUser(t), client: f.newClient(t), account: newIdentity("wx1")}
	s.client.BackchannelLogoutURI = "https://app.example.com/logout"
	require.NoError(t, f.Clients.Update(t.Context(), s.client))
	f.link(t, s.user, s.account)
	f.link(t, s.user, newIdentity("wx2"))
	byAccount := newBrowserSession(s.user)
	byAccount.Account = s.account.AccountKey
	s.browsers = map[string]identity.BrowserSession{
		"browser": visit(t, f, s.user), "browser by account": openBrowser(t, f, byAccount, ""),
	}
	app := newSession(s.user, s.client)
	app.Account = s.account.AccountKey
	s.sessions = map[string]identity.Session{
		"client":            signInFrom(t, f, s.browsers["browser"], s.client, "openid not_offline_access"),
		"client offline":    signInFrom(t, f, s.browsers["browser"], s.client, "openid offline_access"),
		"client by account": signInFrom(t, f, s.browsers["browser by account"], s.client, "openid"),
		"app":               f.signIn(t, s.user, s.client),
		"app by account":    f.open(t, app, s.user, 0),
	}
	return s
}

// require requires the named sessions to be active, and the others to have ended for a reason.
func (s signedIn) require(t *testing.T, f fixture, reason string, active ...string) {
	t.Helper()
	for name, browser := range s.browsers {
		require.Equal(t, slices.Contains(active, name), len(seenIn(t, f, browser)) == 1, name)
	}
	for name, session := range s.sessions {
		found, now, err := f.Sessions.Find(t.Context(), session.ID)
		require.NoError(t, err)
		require.Equal(t, slices.Contains(active, name), found.Active(now), name)
		if !found.EndedAt.IsZero() {
			require.Equal(t, reason, found.EndReason, name)
		}
	}
}

// requireNotices requires a notice for each session from a browser if it or its browser session has ended.
func (s signedIn) requireNotices(t *testing.T, f fixture, active []string) {
	t.Helper()
	notices, _, err := f.Notices.Claim(t.Context(), 1000)
	require.NoError(t, err)
	for name, browser := range map[string]string{"client": "browser", "client offline": "browser",
		"client by account": "browser by account"} {
		notified := slices.ContainsFunc(notices, func(n identity.LogoutNotice) bool {
			return n.SessionID == s.sessions[name].ID && n.UserID == s.user.ID && n.ClientID == s.client.ID
		})
		require.Equal(t, !slices.Contains(active, name) || !slices.Contains(active, browser), notified, name)
	}
	for _, n := range notices {
		require.NotContains(t, []string{s.sessions["app"].ID, s.sessions["app by account"].ID}, n.SessionID)
	}
}

// ending is something that ends sessions of a user.
type ending struct {
	end       func(t *testing.T, f fixture, s signedIn) error
	reason    string
	stays     []string
	everybody bool // it ends the sessions of all users
}

// endingsOfSignedIn is what ends what.
var endingsOfSignedIn = map[string]ending{
	"a session of a client": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Sessions.End(t.Context(), s.sessions["client"].ID, identity.EndedByUser))
		},
		identity.EndedByUser,
		[]string{"browser", "browser by account", "client offline", "client by account", "app", "app by account"},
		false,
	},
	"a browser session": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Browsers.End(t.Context(), s.browsers["browser"].ID, identity.EndedByUser, false))
		},
		identity.EndedBySignOut,
		[]string{"browser by account", "client offline", "client by account", "app", "app by account"}, false,
	},
	"a browser session and everything from it": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Browsers.End(t.Context(), s.browsers["browser"].ID, identity.EndedByUser, true))
		},
		identity.EndedBySignOut,
		[]string{"browser by account", "client by account", "app", "app by account"}, false,
	},
	"all sessions": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Sessions.EndAll(t.Context(), s.user.ID, identity.EndedByOperator))
		},
		identity.EndedByOperator, nil, false,
	},
	"a disabled user": {
		func(t *testing.T, f fixture, s signedIn) error { return f.Users.Disable(t.Context(), s.user.ID) },
		identity.EndedByDisable, nil, false,
	},
	"a disabled user who is enabled again": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errors.Join(f.Users.Disable(t.Context(), s.user.ID), f.Users.Enable(t.Context(), s.user.ID))
		},
		identity.EndedByDisable, nil, false,
	},
	"a changed password": {
		func(t *testing.T, f fixture, s signedIn) error {
			return f.Users.SetPassword(t.Context(), s.user.ID, "new hash")
		},
		identity.EndedByPassword, nil, false,
	},
	"a requested deletion": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errors.Join(errorOf(f.Deletions.RequestDeletion(t.Context(), s.user.ID, time.Hour)),
				f.Deletions.CancelDeletion(t.Context(), s.user.ID))
		},
		identity.EndedByDeletion, nil, false,
	},
	"a deletion by an operator": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errors.Join(errorOf(f.Deletions.ScheduleDeletion(t.Context(), s.user.ID, time.Hour)),
				f.Deletions.CancelDeletion(t.Context(), s.user.ID))
		},
		identity.EndedByDeletion, nil, false,
	},
	"an account that is unlinked": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Accounts.Unlink(t.Context(), s.user.ID, s.account.AccountKey))
		},
		identity.EndedByUnlink, []string{"browser", "client", "client offline", "app"}, false,
	},
	"a merge into another user": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Merges.Merge(t.Context(), s.user.ID, f.newUser(t).ID))
		},
		identity.EndedByMerge, nil, false,
	},
	"a merge of another user into this one": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errorOf(f.Merges.Merge(t.Context(), f.newUser(t).ID, s.user.ID))
		},
		"", everySession, false,
	},
	"a merge that is undone": {
		func(t *testing.T, f fixture, s signedIn) error {
			merge, err := f.Merges.Merge(t.Context(), f.newUser(t).ID, s.user.ID)
			return errors.Join(err, errorOf(f.Merges.Undo(t.Context(), merge.ID)))
		},
		identity.EndedByMerge, nil, false,
	},
	"a consent that is withdrawn": {
		func(t *testing.T, f fixture, s signedIn) error {
			return errors.Join(f.Consents.Grant(t.Context(), newConsent(s.user, s.client, "openid")),
				errorOf(f.Consents.Withdraw(t.Context(), s.user.ID, s.client.ID)))
		},
		identity.EndedByUser, []string{"browser", "browser by account"}, false,
	},
	"a backup that is restored": {
		func(t *testing.T, f fixture, _ signedIn) error {
			return errorOf(f.Sessions.EndBefore(t.Context(), f.now(t), identity.EndedByOperator))
		},
		identity.EndedByOperator, nil, true,
	},
	"a leak of everything since an hour ago": {
		func(t *testing.T, f fixture, _ signedIn) error {
			return errorOf(f.Sessions.EndSince(t.Context(), f.now(t).Add(-time.Hour), identity.EndedByOperator))
		},
		identity.EndedByOperator, nil, true,
	},
	"a leak that has not begun": {
		func(t *testing.T, f fixture, _ signedIn) error {
			return errorOf(f.Sessions.EndSince(t.Context(), f.now(t).Add(time.Hour), identity.EndedByOperator))
		},
		"", everySession, true,
	},
	"a disabled client": {
		func(t *testing.T, f fixture, s signedIn) error { return f.Clients.Disable(t.Context(), s.client.ID) },
		"", everySession, false,
	},
}

// whatEndsWhat is about a thief who has a browser's cookie: what a user or an operator does to end everything must end
// the browser session, too, or the thief could open sessions again.
func whatEndsWhat(t *testing.T, f fixture) {
	for name, ending := range endingsOfSignedIn {
		t.Run(name, func(t *testing.T) {
			s, bystander := newSignedIn(t, f), newSignedIn(t, f)
			require.NoError(t, ending.end(t, f, s))
			s.require(t, f, ending.reason, ending.stays...)
			s.requireNotices(t, f, ending.stays)
			if slices.Contains(ending.stays, "browser") { // the epoch may have changed
				signInFrom(t, f, s.browsers["browser"], s.client, "openid")
			}
			if ending.everybody {
				bystander.require(t, f, ending.reason, ending.stays...)
			} else {
				bystander.require(t, f, "", everySession...)
			}
		})
	}
}

func browserEndsOnce(t *testing.T, f fixture) {
	s := newSignedIn(t, f)
	require.True(t, endBrowser(t, f, s.browsers["browser"].ID, true))
	require.False(t, endBrowser(t, f, s.browsers["browser"].ID, true))
	require.False(t, endBrowser(t, f, identity.NewSessionID(), true))
	events := f.eventsOf(t, identity.EventSessionEnded, s.user.ID)
	require.Len(t, events, 1)
	require.Equal(t, s.browsers["browser"].ID, events[0].SessionID)
	require.Equal(t, "signout: in a browser, with 2 sessions of clients", events[0].Detail)

	count, err := f.Sessions.EndAll(t.Context(), s.user.ID, identity.EndedByOperator)
	require.NoError(t, err)
	require.EqualValues(t, len(everySession)-3, count)
}

func parallelBrowserEndings(t *testing.T, f fixture) {
	s := newSignedIn(t, f)
	requireOneWinner(t, inParallel(callers, func(n int) (ended won) {
		ended.won, ended.err = f.at(n).Browsers.End(t.Context(), s.browsers["browser"].ID, identity.EndedByUser,
			n%2 == 0)
		return ended
	}))
	require.Len(t, f.eventsOf(t, identity.EventSessionEnded, s.user.ID), 1)
}

// shortVisit opens a browser session that lasts for an hour.
func shortVisit(t *testing.T, f fixture, user identity.User, replaced string) identity.BrowserSession {
	t.Helper()
	opened, err := f.Browsers.Open(t.Context(), newBrowserSession(user), identity.Lifetimes{Idle: time.Minute,
		Absolute: time.Hour}, replaced)
	require.NoError(t, err)
	return plainBrowser(opened)
}

func browserExpiryEndsNothing(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	browser := shortVisit(t, f, user, "")
	session := signInFrom(t, f, browser, client, "openid")
	for _, later := range []time.Duration{time.Minute, time.Hour} {
		f.advance(later)
		require.Empty(t, seenIn(t, f, browser))
		f.requireLive(t, user, session.ID)
	}
}

func expiredBrowserEnds(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	browser := shortVisit(t, f, user, "")
	session := signInFrom(t, f, browser, client, "openid")
	f.advance(time.Minute)
	require.True(t, endBrowser(t, f, browser.ID, false))
	require.Equal(t, identity.EndedBySignOut, f.session(t, session.ID).EndReason)
}

func browsersAreDeleted(t *testing.T, f fixture) {
	s := newSignedIn(t, f)
	f.requestDeletion(t, s.user, 0)
	visit(t, f, f.user(t, s.user.ID))
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, s.user)
	requireBrowsers(t, f, s.user)
}

func browserRaces() []testCase {
	return []testCase{
		{"a browser session opened while its user is disabled ends", disableRacesVisit},
		{"a session opened from a browser session that ends meanwhile ends", endRacesOpenFrom},
		{"a browser session handed over from a session that ends meanwhile ends", endRacesHandOver},
		{"a session opened from a browser while all sessions end ends", allEndRacesOpenFrom},
		{"a session opened from a browser while its user is disabled ends", disableRacesOpenFrom},
		{"a session opened from a browser session that is replaced meanwhile goes on", renewalRacesOpenFrom},
		{"sessions go on with one of several sign-ins that replace a browser session", often(parallelReplacements)},
	}
}

// unlessStale ignores the error of a caller whose rival was first.
func unlessStale(err error) error {
	if errors.Is(err, identity.ErrStale) {
		return nil
	}
	return err
}

func disableRacesVisit(t *testing.T, f fixture) {
	race(t, f, 250, func(t *testing.T, user identity.User, _ identity.Client) error {
		if err := f.Users.Enable(t.Context(), user.ID); err != nil {
			return err
		}
		user, err := f.Users.Find(t.Context(), user.ID)
		if err != nil {
			return err
		}
		answers := inParallel(2, func(n int) error {
			if n == 0 {
				return f.Users.Disable(t.Context(), user.ID)
			}
			return unlessStale(errorOf(f.at(n).Browsers.Open(t.Context(), newBrowserSession(user), lifetimes(), "")))
		})
		if err := f.Users.Enable(t.Context(), user.ID); err != nil {
			return err
		}
		active, err := f.Browsers.List(t.Context(), user.ID)
		if len(active) > 0 {
			err = fmt.Errorf("user %s has %d active browser sessions", user.ID, len(active))
		}
		return errors.Join(append(answers, err)...)
	})
}

// raceOpenFrom opens a session of a client from a browser session in parallel with a rival, and returns that session.
func raceOpenFrom(t *testing.T, f fixture, user identity.User, client identity.Client,
	rival func(ctx context.Context, browser identity.BrowserSession) error) (identity.Session, error) {
	user, err := f.Users.Find(t.Context(), user.ID)
	if err != nil {
		return identity.Session{}, err
	}
	browser, err := f.Browsers.Open(t.Context(), newBrowserSession(user), lifetimes(), "")
	if err != nil {
		return identity.Session{}, err
	}
	session := newSession(user, client)
	session.Browser = browser.ID
	return session, errors.Join(inParallel(2, func(n int) error {
		if n == 0 {
			return rival(t.Context(), browser)
		}
		return unlessStale(errorOf(f.at(n).Sessions.Open(t.Context(), session, user.AuthEpoch, lifetimes(), 0)))
	})...)
}

// raceNoneIsLeft is a race of raceOpenFrom with a rival after which no session may be active.
func raceNoneIsLeft(t *testing.T, f fixture, rival func(context.Context, identity.BrowserSession) error) {
	race(t, f, 500, func(t *testing.T, user identity.User, client identity.Client) error {
		if err := f.Users.Enable(t.Context(), user.ID); err != nil {
			return err
		}
		_, err := raceOpenFrom(t, f, user, client, rival)
		return errors.Join(err, live(t, f, user, 0))
	})
}

func endRacesOpenFrom(t *testing.T, f fixture) {
	raceNoneIsLeft(t, f, func(ctx context.Context, browser identity.BrowserSession) error {
		return errorOf(f.Browsers.End(ctx, browser.ID, identity.EndedByUser, false))
	})
}

func allEndRacesOpenFrom(t *testing.T, f fixture) {
	raceNoneIsLeft(t, f, func(ctx context.Context, browser identity.BrowserSession) error {
		return errorOf(f.Sessions.EndAll(ctx, browser.UserID, identity.EndedByOperator))
	})
}

func disableRacesOpenFrom(t *testing.T, f fixture) {
	raceNoneIsLeft(t, f, func(ctx context.Context, browser identity.BrowserSession) error {
		return f.Users.Disable(ctx, browser.UserID)
	})
}

func renewalRacesOpenFrom(t *testing.T, f fixture) {
	race(t, f, 500, func(t *testing.T, user identity.User, client identity.Client) error {
		var renewed identity.BrowserSession
		session, err := raceOpenFrom(t, f, user, client, func(ctx context.Context, old identity.BrowserSession) error {
			renewed = newBrowserSession(user)
			return errorOf(f.Browsers.Open(ctx, renewed, lifetimes(), old.ID))
		})
		if err != nil {
			return err
		}
		found, _, err := f.Sessions.Find(t.Context(), session.ID)
		if err == nil && found.Browser != renewed.ID {
			err = fmt.Errorf("the session %s stayed with the browser session that was replaced", found.ID)
		}
		if errors.Is(err, identity.ErrNotFound) { // refused
			return nil
		}
		return err
	})
}

func parallelReplacements(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	old := visit(t, f, user)
	session := signInFrom(t, f, old, client, "openid")
	var renewed [callers]identity.BrowserSession
	for n, err := range inParallel(callers, func(n int) error {
		renewed[n] = newBrowserSession(user)
		return errorOf(f.at(n).Browsers.Open(t.Context(), renewed[n], lifetimes(), old.ID))
	}) {
		require.NoError(t, err)
		require.Len(t, seenIn(t, f, renewed[n]), 1)
	}
	require.Empty(t, seenIn(t, f, old))
	found := f.session(t, session.ID)
	require.True(t, slices.ContainsFunc(renewed[:], func(s identity.BrowserSession) bool {
		return s.ID == found.Browser
	}))
	require.True(t, endBrowser(t, f, found.Browser, false))
	f.requireLive(t, user)
}
