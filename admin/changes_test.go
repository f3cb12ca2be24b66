package admin_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

// change is a change that an operator can make, and the kind of its event.
type change struct {
	kind string
	do   func() error
}

// requireEvents makes changes, and requires that each is exactly one event of its kind, with the actor.
func (e *env) requireEvents(t *testing.T, changes []change) {
	t.Helper()
	for _, change := range changes {
		before := len(e.recordedOf(t, change.kind))
		require.NoError(t, change.do(), change.kind)
		after := e.recordedOf(t, change.kind)
		require.Len(t, after, before+1, change.kind)
		require.Equal(t, operator, after[0].Actor, change.kind)
	}
}

func TestEveryChangeOfClientsAndAppsIsAnEventWithItsActor(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	require.NoError(t, e.database.Clients().Create(ctx, identity.Client{ID: "there", Confidential: true}))
	e.requireEvents(t, []change{
		{identity.EventAppAdded, func() error { return e.apps.Add(ctx, operator, newApp(appID)) }},
		{identity.EventAppUpdated, func() error {
			app := newApp(appID)
			app.Name = "Shop"
			return errorOf(e.apps.Update(ctx, operator, app))
		}},
		{identity.EventAppSecret, func() error { return e.apps.RotateSecret(ctx, operator, appID, secret) }},
		{identity.EventAppOpen, func() error { return e.apps.SetOpenPlatform(ctx, operator, appID, "main") }},
		{identity.EventAppPhoneBudget, func() error { return e.apps.SetPhoneBudget(ctx, operator, appID, 5) }},
		{identity.EventAppRemoved, func() error { return errorOf(e.apps.Remove(ctx, operator, appID, false)) }},
		{identity.EventClientCreated, func() error { return errorOf(e.clients.Create(ctx, operator, publicClient())) }},
		{identity.EventClientUpdated, func() error {
			client := publicClient()
			client.Name = "Shop"
			return errorOf(e.clients.Update(ctx, operator, client))
		}},
		{identity.EventClientSecret, func() error {
			return errorOf(e.clients.RotateSecret(ctx, operator, "there", 0))
		}},
		{identity.EventClientDisabled, func() error { return e.clients.Disable(ctx, operator, "there") }},
		{identity.EventUsersImported, func() error {
			return errorOf(e.imports.Import(ctx, operator, []identity.ImportedUser{{Line: 1, Username: "ann"}}))
		}},
	})
}

func TestEveryChangeOfUsersIsAnEventWithItsActor(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	user, other := e.addUser(t, "alice"), e.addUser(t, "bob")
	session := e.signIn(t, user).ID
	e.signIn(t, user)
	retired, survivor := e.duplicates(t, "erin")
	var merge identity.Merge
	e.requireEvents(t, []change{
		{identity.EventUserCreated, func() error {
			return errorOf(e.users.Create(ctx, operator, "carol", newPassword(good)))
		}},
		{identity.EventSessionEnded, func() error { return e.sessions.End(ctx, operator, session) }},
		{identity.EventSessionEnded, func() error { return errorOf(e.sessions.EndAll(ctx, operator, user.ID)) }},
		{identity.EventUserDisabled, func() error { return e.users.Disable(ctx, operator, user.ID) }},
		{identity.EventUserEnabled, func() error { return e.users.Enable(ctx, operator, user.ID) }},
		{identity.EventPasswordSet, func() error {
			return e.users.SetPassword(ctx, operator, user.ID, newPassword(good))
		}},
		{identity.EventRoleGranted, func() error { return e.users.GrantRole(ctx, operator, user.ID, "editor") }},
		{identity.EventRoleRevoked, func() error { return e.users.RevokeRole(ctx, operator, user.ID, "editor") }},
		{identity.EventClaimsSet, func() error {
			return e.users.SetClaims(ctx, operator, user.ID, []byte(`{"a":1}`))
		}},
		{identity.EventDeletionRequested, func() error {
			return errorOf(e.users.Delete(ctx, operator, other.ID, time.Hour))
		}},
		{identity.EventDeletionCancelled, func() error { return e.users.Undelete(ctx, operator, other.ID) }},
		{identity.EventUserMerged, func() (err error) {
			merge, err = e.merges.Merge(ctx, operator, retired.ID, survivor.ID)
			return err
		}},
		{identity.EventMergeUndone, func() error { return errorOf(e.merges.Undo(ctx, operator, merge.ID)) }},
	})
}

func TestEveryChangeOfKeysIsAnEventWithItsActor(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.policy.Signing.Announce = 0
	e.keys = e.newKeys(e.ring)
	e.createKeys(t)
	var imported string
	e.requireEvents(t, []change{
		{identity.EventKeyRotated, func() error { return errorOf(e.keys.Rotate(ctx, operator, keys.Signing)) }},
		{identity.EventKeyImported, func() error {
			key, err := e.keys.Import(ctx, operator, newPEM(t))
			imported = key.ID
			return err
		}},
		{identity.EventKeyRevoked, func() error { return errorOf(e.keys.Revoke(ctx, operator, imported)) }},
		{identity.EventKeysRewrapped, func() error { return e.keys.Rewrap(ctx, operator, e.recorder.rest) }},
	})
}
