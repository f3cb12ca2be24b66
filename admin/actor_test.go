package admin_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/wechat"
)

// recorder checks that the context of every call of a store contains the actor, and counts the calls.
type recorder struct {
	t     *testing.T
	calls int
}

func (r *recorder) record(ctx context.Context) {
	r.t.Helper()
	require.Equal(r.t, operator, identity.ActorFrom(ctx), "the context must contain the actor")
	r.calls++
}

// action is an action of an operator.
type action struct {
	name string
	do   func() error
}

// check calls every action once; the stores check the actor of each call.
func (r *recorder) check(t *testing.T, actions []action) {
	t.Helper()
	for _, action := range actions {
		before := r.calls
		require.NoError(t, action.do(), action.name)
		require.Greater(t, r.calls, before, "%s: no store was called", action.name)
	}
}

// errorOf returns only the error of an action.
func errorOf(_ any, err error) error { return err }

func TestActionsOnClientsAppsAndUsersPassTheActor(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	require.NoError(t, e.database.Apps().Add(ctx, identity.App{Platform: identity.PlatformWechat, ID: appID,
		Kind: identity.KindMiniProgram}))
	require.NoError(t, e.database.Clients().Create(ctx, identity.Client{ID: "there", Confidential: true}))
	user, other := e.addUser(t, "alice"), e.addUser(t, "bob")
	e.recorder.check(t, []action{
		{"create a client", func() error {
			return errorOf(e.clients.Create(ctx, operator, publicClient()))
		}},
		{"public clients that differ", func() error {
			return errorOf(e.clients.DifferingPublic(ctx, operator, publicClient()))
		}},
		{"list clients", func() error { return errorOf(e.clients.List(ctx, operator)) }},
		{"find a client", func() error { return errorOf(e.clients.Find(ctx, operator, "there")) }},
		{"update a client", func() error {
			client := publicClient()
			client.Name = "Shop"
			return errorOf(e.clients.Update(ctx, operator, client))
		}},
		{"rotate a client's secret", func() error {
			return errorOf(e.clients.RotateSecret(ctx, operator, "there", time.Hour))
		}},
		{"whether a client uses the SDK", func() error {
			return errorOf(e.clients.UsesSDK(ctx, operator, publicClient()))
		}},
		{"set a client's refresh keys", func() error { return e.clients.SetRefreshKeys(ctx, operator, "shop", false) }},
		{"disable a client", func() error { return e.clients.Disable(ctx, operator, "shop") }},
		{"add an app", func() error { return e.apps.Add(ctx, operator, newApp(otherApp)) }},
		{"list apps", func() error { return errorOf(e.apps.List(ctx, operator)) }},
		{"find an app", func() error { return errorOf(e.apps.Find(ctx, operator, appID)) }},
		{"update an app", func() error {
			app := newApp(appID)
			app.Name = "Shop"
			return errorOf(e.apps.Update(ctx, operator, app))
		}},
		{"remove an app", func() error { return errorOf(e.apps.Remove(ctx, operator, otherApp, false)) }},
		{"rotate an app's secret", func() error { return e.apps.RotateSecret(ctx, operator, appID, secret) }},
		{"set the Open Platform", func() error { return e.apps.SetOpenPlatform(ctx, operator, appID, "main") }},
		{"set the phone budget", func() error { return e.apps.SetPhoneBudget(ctx, operator, appID, 5) }},
		{"test an app", func() error {
			return e.apps.Test(ctx, operator, appID, fixedPlatform{answer: wechat.ErrBadCode}.of)
		}},
		{"apps of imported users", func() error { return errorOf(e.imports.Apps(ctx, operator)) }},
		{"import", func() error {
			return errorOf(e.imports.Import(ctx, operator, []identity.ImportedUser{{Line: 1, Username: "ann"}}))
		}},
		{"find a user", func() error { return errorOf(e.users.Find(ctx, operator, "alice")) }},
		{"create a user", func() error { return errorOf(e.users.Create(ctx, operator, "carol", newPassword(good))) }},
		{"list users", func() error { return errorOf(e.users.List(ctx, operator, "", 10)) }},
		{"accounts", func() error { return errorOf(e.users.Accounts(ctx, operator, user.ID)) }},
		{"disable a user", func() error { return e.users.Disable(ctx, operator, user.ID) }},
		{"enable a user", func() error { return e.users.Enable(ctx, operator, user.ID) }},
		{"set a password", func() error { return e.users.SetPassword(ctx, operator, user.ID, newPassword(good)) }},
		{"grant a role", func() error { return e.users.GrantRole(ctx, operator, user.ID, "editor") }},
		{"revoke a role", func() error { return e.users.RevokeRole(ctx, operator, user.ID, "editor") }},
		{"set claims", func() error { return e.users.SetClaims(ctx, operator, user.ID, []byte(`{"a":1}`)) }},
		{"preview a deletion", func() error {
			return errorOf(e.users.PreviewDeletion(ctx, operator, user.ID, time.Hour))
		}},
		{"delete and undelete a user", func() error {
			if _, err := e.users.Delete(ctx, operator, other.ID, time.Hour); err != nil {
				return err
			}
			return e.users.Undelete(ctx, operator, other.ID)
		}},
	})
}

func TestActionsOnMergesSessionsEventsAndKeysPassTheActor(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	user, other := e.addUser(t, "alice"), e.addUser(t, "bob")
	e.policy.Signing.Announce = 0
	e.keys = e.newKeys(e.ring)
	e.createKeys(t)
	e.recorder.check(t, []action{
		{"list duplicates", func() error { return errorOf(e.merges.Duplicates(ctx, operator, "", 10)) }},
		{"preview a merge", func() error { return errorOf(e.merges.Preview(ctx, operator, user.ID, other.ID)) }},
		{"list merges", func() error { return errorOf(e.merges.List(ctx, operator, 10)) }},
		{"list sessions", func() error { return errorOf(e.sessions.List(ctx, operator, user.ID)) }},
		{"end all sessions", func() error { return errorOf(e.sessions.EndAll(ctx, operator, user.ID)) }},
		{"end sessions before", func() error { return errorOf(e.sessions.EndBefore(ctx, operator, time.Unix(1, 0))) }},
		{"list consents", func() error { return errorOf(e.consents.List(ctx, operator, user.ID)) }},
		{"withdraw all consents", func() error { return errorOf(e.consents.WithdrawAll(ctx, operator, user.ID)) }},
		{"end sessions since", func() error { return errorOf(e.sessions.EndSince(ctx, operator, time.Now())) }},
		{"list events", func() error { return errorOf(e.events.List(ctx, operator, identity.EventsOf{}, 10)) }},
		{"list keys", func() error { return errorOf(e.keys.List(ctx, operator)) }},
		{"check the master key", func() error { return e.keys.CheckMasterKey(ctx, operator) }},
		{"rotate a key", func() error { return errorOf(e.keys.Rotate(ctx, operator, keys.Signing)) }},
		{"public keys as JWK set", func() error { return errorOf(e.keys.PublicJWKS(ctx, operator)) }},
		{"public keys as PEM", func() error { return errorOf(e.keys.PublicPEM(ctx, operator)) }},
		{"rewrap", func() error { return e.keys.Rewrap(ctx, operator, e.recorder.rest) }},
		{"rewrap session keys", func() error {
			return errorOf(e.keys.RewrapSessionKeys(ctx, operator, vault{}, nil))
		}},
		{"end a session", func() error {
			return e.sessions.End(ctx, operator, e.signIn(t, e.addUser(t, "dora")).ID)
		}},
		{"merge and undo", func() error {
			retired, survivor := e.duplicates(t, "erin")
			merge, err := e.merges.Merge(ctx, operator, retired.ID, survivor.ID)
			if err != nil {
				return err
			}
			return errorOf(e.merges.Undo(ctx, operator, merge.ID))
		}},
		{"import and revoke a key", func() error {
			imported, err := e.keys.Import(ctx, operator, newPEM(t))
			if err != nil {
				return err
			}
			return errorOf(e.keys.Revoke(ctx, operator, imported.ID))
		}},
	})
}

// rest is an argument for Rewrap.
func (r *recorder) rest(ctx context.Context, _ admin.Rewrapped) error {
	r.record(ctx)
	return nil
}
