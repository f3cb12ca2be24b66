package admin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat"
)

// recorder checks that the context of every call of a store says who acts, and counts the calls.
type recorder struct {
	t     *testing.T
	calls int
}

func (r *recorder) see(ctx context.Context) {
	r.t.Helper()
	require.Equal(r.t, operator, identity.ActorFrom(ctx), "a store must know who acts")
	r.calls++
}

// action is something that operators do.
type action struct {
	name string
	do   func() error
}

// check does everything once; the stores check the actor of each call.
func (r *recorder) check(t *testing.T, actions []action) {
	t.Helper()
	for _, action := range actions {
		before := r.calls
		require.NoError(t, action.do(), action.name)
		require.Greater(t, r.calls, before, "%s: the stores of tests saw nothing", action.name)
	}
}

// failed drops what an action returns beside its error.
func failed(_ any, err error) error { return err }

func TestActionsOnClientsAppsAndUsersTellTheStoreWhoActs(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	require.NoError(t, e.database.Apps().Add(ctx, identity.App{Platform: identity.PlatformWechat, ID: appID,
		Kind: identity.KindMiniProgram}))
	require.NoError(t, e.database.Clients().Create(ctx, identity.Client{ID: "there", Confidential: true}))
	user, other := e.addUser(t, "alice"), e.addUser(t, "bob")
	e.seen.check(t, []action{
		{"create a client", func() error {
			return failed(e.clients.Create(ctx, operator, publicClient()))
		}},
		{"public clients that differ", func() error {
			return failed(e.clients.DifferingPublic(ctx, operator, publicClient()))
		}},
		{"list clients", func() error { return failed(e.clients.List(ctx, operator)) }},
		{"find a client", func() error { return failed(e.clients.Find(ctx, operator, "there")) }},
		{"rotate a client's secret", func() error { return failed(e.clients.RotateSecret(ctx, operator, "there")) }},
		{"disable a client", func() error { return e.clients.Disable(ctx, operator, "shop") }},
		{"add an app", func() error { return e.apps.Add(ctx, operator, newApp(otherApp)) }},
		{"list apps", func() error { return failed(e.apps.List(ctx, operator)) }},
		{"rotate an app's secret", func() error { return e.apps.RotateSecret(ctx, operator, appID, secret) }},
		{"set the Open Platform", func() error { return e.apps.SetOpenPlatform(ctx, operator, appID, "main") }},
		{"set the phone budget", func() error { return e.apps.SetPhoneBudget(ctx, operator, appID, 5) }},
		{"test an app", func() error {
			return e.apps.Test(ctx, operator, appID, answering{answer: wechat.ErrBadCode}.of)
		}},
		{"apps of newcomers", func() error { return failed(e.people.Apps(ctx, operator)) }},
		{"import", func() error {
			return failed(e.people.Import(ctx, operator, []identity.ImportedUser{{Line: 1, Username: "ann"}}))
		}},
		{"find a user", func() error { return failed(e.users.Find(ctx, operator, "alice")) }},
		{"create a user", func() error { return failed(e.users.Create(ctx, operator, "carol", newPassword(good))) }},
		{"list users", func() error { return failed(e.users.List(ctx, operator, "", 10)) }},
		{"accounts", func() error { return failed(e.users.Accounts(ctx, operator, user.ID)) }},
		{"disable a user", func() error { return e.users.Disable(ctx, operator, user.ID) }},
		{"enable a user", func() error { return e.users.Enable(ctx, operator, user.ID) }},
		{"set a password", func() error { return e.users.SetPassword(ctx, operator, user.ID, newPassword(good)) }},
		{"grant a role", func() error { return e.users.GrantRole(ctx, operator, user.ID, "editor") }},
		{"revoke a role", func() error { return e.users.RevokeRole(ctx, operator, user.ID, "editor") }},
		{"set claims", func() error { return e.users.SetClaims(ctx, operator, user.ID, []byte(`{"a":1}`)) }},
		{"preview a deletion", func() error {
			return failed(e.users.PreviewDeletion(ctx, operator, user.ID, time.Hour))
		}},
		{"delete and keep a user", func() error {
			if _, err := e.users.Delete(ctx, operator, other.ID, time.Hour); err != nil {
				return err
			}
			return e.users.Undelete(ctx, operator, other.ID)
		}},
	})
}

func TestActionsOnMergesSessionsEventsAndKeysTellTheStoreWhoActs(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	user, other := e.addUser(t, "alice"), e.addUser(t, "bob")
	e.policy.Signing.Announce = 0
	e.keys = e.newKeys(e.ring)
	e.started(t)
	e.seen.check(t, []action{
		{"list duplicates", func() error { return failed(e.merges.Duplicates(ctx, operator, "", 10)) }},
		{"preview a merge", func() error { return failed(e.merges.Preview(ctx, operator, user.ID, other.ID)) }},
		{"list merges", func() error { return failed(e.merges.List(ctx, operator, 10)) }},
		{"list sessions", func() error { return failed(e.sessions.List(ctx, operator, user.ID)) }},
		{"end all sessions", func() error { return failed(e.sessions.EndAll(ctx, operator, user.ID)) }},
		{"end sessions before", func() error { return failed(e.sessions.EndBefore(ctx, operator, time.Unix(1, 0))) }},
		{"end sessions since", func() error { return failed(e.sessions.EndSince(ctx, operator, time.Now())) }},
		{"list events", func() error { return failed(e.events.List(ctx, operator, identity.EventsOf{}, 10)) }},
		{"list keys", func() error { return failed(e.keys.List(ctx, operator)) }},
		{"check the master key", func() error { return e.keys.CheckMasterKey(ctx, operator) }},
		{"rotate a key", func() error { return failed(e.keys.Rotate(ctx, operator, keys.Signing)) }},
		{"public keys as JWK set", func() error { return failed(e.keys.PublicJWKS(ctx, operator)) }},
		{"public keys as PEM", func() error { return failed(e.keys.PublicPEM(ctx, operator)) }},
		{"seal anew", func() error { return e.keys.Rewrap(ctx, operator, e.seen.rest) }},
		{"seal session keys anew", func() error {
			return failed(e.keys.RewrapSessionKeys(ctx, operator, vault{}, nil))
		}},
		{"end a session", func() error {
			return e.sessions.End(ctx, operator, e.signIn(t, e.addUser(t, "dora")).ID)
		}},
		{"merge and undo", func() error {
			retired, survivor := e.duplicates(t, "erin")
			join, err := e.merges.Merge(ctx, operator, retired.ID, survivor.ID)
			if err != nil {
				return err
			}
			return failed(e.merges.Undo(ctx, operator, join.ID))
		}},
		{"import and revoke a key", func() error {
			imported, err := e.keys.Import(ctx, operator, newPEM(t))
			if err != nil {
				return err
			}
			return failed(e.keys.Revoke(ctx, operator, imported.ID))
		}},
	})
}

// rest is what else is sealed anew.
func (r *recorder) rest(ctx context.Context, _ admin.Rewrapped) error {
	r.see(ctx)
	return nil
}

type seenClients struct {
	identity.Clients
	*recorder
}

func (s seenClients) Create(ctx context.Context, client identity.Client) error {
	s.see(ctx)
	return s.Clients.Create(ctx, client)
}

func (s seenClients) Find(ctx context.Context, id string) (identity.Client, error) {
	s.see(ctx)
	return s.Clients.Find(ctx, id)
}

func (s seenClients) SetSecret(ctx context.Context, id string, hash []byte) error {
	s.see(ctx)
	return s.Clients.SetSecret(ctx, id, hash)
}

func (s seenClients) Disable(ctx context.Context, id string) error {
	s.see(ctx)
	return s.Clients.Disable(ctx, id)
}

func (s seenClients) List(ctx context.Context) ([]identity.Client, error) {
	s.see(ctx)
	return s.Clients.List(ctx)
}

type seenApps struct {
	identity.Apps
	*recorder
}

func (s seenApps) Add(ctx context.Context, app identity.App) error {
	s.see(ctx)
	return s.Apps.Add(ctx, app)
}

func (s seenApps) Find(ctx context.Context, platform, id string) (identity.App, error) {
	s.see(ctx)
	return s.Apps.Find(ctx, platform, id)
}

func (s seenApps) SetSecret(ctx context.Context, platform, id string, secret identity.Secret) error {
	s.see(ctx)
	return s.Apps.SetSecret(ctx, platform, id, secret)
}

func (s seenApps) SetOpenPlatform(ctx context.Context, platform, id, openPlatform string) error {
	s.see(ctx)
	return s.Apps.SetOpenPlatform(ctx, platform, id, openPlatform)
}

func (s seenApps) SetPhoneBudget(ctx context.Context, platform, id string, budget int) error {
	s.see(ctx)
	return s.Apps.SetPhoneBudget(ctx, platform, id, budget)
}

func (s seenApps) PhoneUse(ctx context.Context, platform, id string) (identity.PhoneUse, error) {
	s.see(ctx)
	return s.Apps.PhoneUse(ctx, platform, id)
}

func (s seenApps) List(ctx context.Context) ([]identity.App, error) {
	s.see(ctx)
	return s.Apps.List(ctx)
}

type seenUsers struct {
	identity.Users
	*recorder
}

type seenAccounts struct {
	identity.Accounts
	*recorder
}

type seenEntitlements struct {
	identity.Entitlements
	*recorder
}

type seenDeletions struct {
	identity.Deletions
	*recorder
}

func (s seenUsers) Create(ctx context.Context, username, passwordHash string) (identity.User, error) {
	s.see(ctx)
	return s.Users.Create(ctx, username, passwordHash)
}

func (s seenUsers) Find(ctx context.Context, id string) (identity.User, error) {
	s.see(ctx)
	return s.Users.Find(ctx, id)
}

func (s seenUsers) FindByUsername(ctx context.Context, username string) (identity.User, error) {
	s.see(ctx)
	return s.Users.FindByUsername(ctx, username)
}

func (s seenUsers) Disable(ctx context.Context, id string) error {
	s.see(ctx)
	return s.Users.Disable(ctx, id)
}

func (s seenUsers) Enable(ctx context.Context, id string) error {
	s.see(ctx)
	return s.Users.Enable(ctx, id)
}

func (s seenUsers) SetPassword(ctx context.Context, id, passwordHash string) error {
	s.see(ctx)
	return s.Users.SetPassword(ctx, id, passwordHash)
}

func (s seenEntitlements) GrantRole(ctx context.Context, id, role string) error {
	s.see(ctx)
	return s.Entitlements.GrantRole(ctx, id, role)
}

func (s seenEntitlements) RevokeRole(ctx context.Context, id, role string) error {
	s.see(ctx)
	return s.Entitlements.RevokeRole(ctx, id, role)
}

func (s seenEntitlements) SetClaims(ctx context.Context, id string, claims identity.Claims) error {
	s.see(ctx)
	return s.Entitlements.SetClaims(ctx, id, claims)
}

func (s seenAccounts) List(ctx context.Context, userID string) ([]identity.Account, error) {
	s.see(ctx)
	return s.Accounts.List(ctx, userID)
}

func (s seenDeletions) ScheduleDeletion(ctx context.Context, id string, grace time.Duration) (time.Time, error) {
	s.see(ctx)
	return s.Deletions.ScheduleDeletion(ctx, id, grace)
}

func (s seenDeletions) CancelDeletion(ctx context.Context, id string) error {
	s.see(ctx)
	return s.Deletions.CancelDeletion(ctx, id)
}

func (s seenUsers) List(ctx context.Context, after string, limit int) ([]identity.User, error) {
	s.see(ctx)
	return s.Users.List(ctx, after, limit)
}

type seenImports struct {
	identity.Imports
	*recorder
}

func (s seenImports) Import(ctx context.Context, people []identity.ImportedUser) ([]identity.ImportResult, error) {
	s.see(ctx)
	return s.Imports.Import(ctx, people)
}

type seenMerges struct {
	identity.Merges
	*recorder
}

func (s seenMerges) Duplicates(ctx context.Context, after identity.Duplicate, limit int) ([]identity.Duplicate, error) {
	s.see(ctx)
	return s.Merges.Duplicates(ctx, after, limit)
}

func (s seenMerges) Preview(ctx context.Context, retired, survivor string) (identity.Merge, error) {
	s.see(ctx)
	return s.Merges.Preview(ctx, retired, survivor)
}

func (s seenMerges) Merge(ctx context.Context, retired, survivor string) (identity.Merge, error) {
	s.see(ctx)
	return s.Merges.Merge(ctx, retired, survivor)
}

func (s seenMerges) Undo(ctx context.Context, id string) (identity.Merge, error) {
	s.see(ctx)
	return s.Merges.Undo(ctx, id)
}

func (s seenMerges) List(ctx context.Context, limit int) ([]identity.Merge, error) {
	s.see(ctx)
	return s.Merges.List(ctx, limit)
}

type seenSessions struct {
	identity.Sessions
	*recorder
}

func (s seenSessions) List(ctx context.Context, userID string) ([]identity.Session, error) {
	s.see(ctx)
	return s.Sessions.List(ctx, userID)
}

func (s seenSessions) End(ctx context.Context, id, reason string) (bool, error) {
	s.see(ctx)
	return s.Sessions.End(ctx, id, reason)
}

func (s seenSessions) EndAll(ctx context.Context, userID, reason string) (int64, error) {
	s.see(ctx)
	return s.Sessions.EndAll(ctx, userID, reason)
}

func (s seenSessions) EndBefore(ctx context.Context, before time.Time, reason string) (int64, error) {
	s.see(ctx)
	return s.Sessions.EndBefore(ctx, before, reason)
}

func (s seenSessions) EndSince(ctx context.Context, since time.Time, reason string) (int64, error) {
	s.see(ctx)
	return s.Sessions.EndSince(ctx, since, reason)
}

type seenEvents struct {
	identity.Events
	*recorder
}

func (s seenEvents) Record(ctx context.Context, event identity.Event) error {
	s.see(ctx)
	return s.Events.Record(ctx, event)
}

func (s seenEvents) List(ctx context.Context, of identity.EventsOf, limit int) ([]identity.Event, error) {
	s.see(ctx)
	return s.Events.List(ctx, of, limit)
}

type seenKeys struct {
	keys.Store
	*recorder
}

func (s seenKeys) Keys(ctx context.Context) ([]keys.Record, error) {
	s.see(ctx)
	return s.Store.Keys(ctx)
}

func (s seenKeys) Update(ctx context.Context, plan func(time.Time, []keys.Record) (keys.Change, error)) error {
	s.see(ctx)
	return s.Store.Update(ctx, plan)
}

// seenRest is what else Keys works with.
type seenRest struct {
	database *sql.DB
	*recorder
}

func (s seenRest) Rewrap(ctx context.Context) (int, error) {
	s.see(ctx)
	return s.database.Apps().Rewrap(ctx)
}

func (s seenRest) Each(ctx context.Context, platform string, do func(identity.AccountKey) error) error {
	s.see(ctx)
	return s.database.Accounts().Each(ctx, platform, do)
}
