package storagetest

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func consents() []testCase {
	return []testCase{
		{"a consent is found as granted, with an event", consentIsFound},
		{"a later consent adds scopes, in the order of the requests", consentGrows},
		{"consents for resources are separate", consentsForResources},
		{"a user who does not exist, or was merged, allows nothing", nobodyConsents},
		{"a consent that is withdrawn ends the sessions at the client, and no others", consentIsWithdrawn},
		{"a withdrawal without a consent changes nothing", nothingIsWithdrawn},
		{"parallel consents add to each other", often(parallelConsents)},
		{"a deleted user leaves no consent", consentsAreDeleted},
		{"hostile texts are stored unchanged or rejected", hostileConsents},
	}
}

func newConsent(user identity.User, client identity.Client, scopes ...string) identity.Consent {
	return identity.Consent{UserID: user.ID, ClientID: client.ID, Scopes: scopes, Terms: "2026-11"}
}

func grantConsent(t *testing.T, f fixture, consent identity.Consent) identity.Consent {
	t.Helper()
	before := f.now(t)
	require.NoError(t, f.Consents.Grant(t.Context(), consent))
	stored, err := f.Consents.Find(t.Context(), consent.UserID, consent.ClientID, consent.Resource)
	require.NoError(t, err)
	between(t, before, f.now(t), stored.GrantedAt)
	return stored
}

// requireConsents requires exactly these consents of a user, ordered by client and resource.
func requireConsents(t *testing.T, f fixture, user identity.User, want ...identity.Consent) {
	t.Helper()
	listed, err := f.Consents.List(t.Context(), user.ID)
	require.NoError(t, err)
	require.Equal(t, append([]identity.Consent{}, want...), append([]identity.Consent{}, listed...))
}

func consentIsFound(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	want := newConsent(user, client, "openid", "profile")
	stored := grantConsent(t, f, want)
	want.GrantedAt = stored.GrantedAt
	require.Equal(t, want, stored)
	requireConsents(t, f, user, want)
	event := f.eventsOf(t, identity.EventConsentGranted, user.ID)[0]
	require.Equal(t, []string{client.ID, "openid profile"}, []string{event.ClientID, event.Detail})
	for _, other := range [][3]string{{f.newUser(t).ID, client.ID}, {user.ID, f.newClient(t).ID},
		{user.ID, client.ID, "urn:example:stock"}} {
		_, err := f.Consents.Find(t.Context(), other[0], other[1], other[2])
		require.ErrorIs(t, err, identity.ErrNotFound)
	}
}

func consentGrows(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	first := grantConsent(t, f, newConsent(user, client, "profile", "openid"))
	f.advance(time.Hour)
	later := newConsent(user, client, "openid", "phone")
	later.Terms = "2027-01"
	grown := grantConsent(t, f, later)
	require.Equal(t, []string{"profile", "openid", "phone"}, grown.Scopes)
	require.Equal(t, "2027-01", grown.Terms)
	require.True(t, grown.GrantedAt.After(first.GrantedAt))
	require.Len(t, f.eventsOf(t, identity.EventConsentGranted, user.ID), 2)
}

func consentsForResources(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	none := grantConsent(t, f, newConsent(user, client, "openid"))
	stock := newConsent(user, client, "stock.read")
	stock.Resource = "urn:example:stock"
	stock = grantConsent(t, f, stock)
	requireConsents(t, f, user, none, stock)
	require.Equal(t, "stock.read urn:example:stock",
		f.eventsOf(t, identity.EventConsentGranted, user.ID)[0].Detail)
}

func nobodyConsents(t *testing.T, f fixture) {
	client, merged := f.newClient(t), f.newUser(t)
	_, err := f.Merges.Merge(t.Context(), merged.ID, f.newUser(t).ID)
	require.NoError(t, err)
	for _, user := range []identity.User{merged, {ID: identity.NewUserID()}} {
		require.ErrorIs(t, f.Consents.Grant(t.Context(), newConsent(user, client, "openid")), identity.ErrNotFound)
		requireConsents(t, f, user)
	}
}

func consentIsWithdrawn(t *testing.T, f fixture) {
	user, other, client, another := f.newUser(t), f.newUser(t), f.newClient(t), f.newClient(t)
	grantConsent(t, f, newConsent(user, client, "openid"))
	stock := newConsent(user, client, "stock.read")
	stock.Resource = "urn:example:stock"
	grantConsent(t, f, stock)
	kept := grantConsent(t, f, newConsent(user, another, "openid"))
	theirs := grantConsent(t, f, newConsent(other, client, "openid"))
	session, elsewhere, bystander := f.signIn(t, user, client), f.signIn(t, user, another), f.signIn(t, other, client)
	withdrawn, err := f.Consents.Withdraw(t.Context(), user.ID, client.ID)
	require.NoError(t, err)
	require.True(t, withdrawn)
	after, err := f.Users.Find(t.Context(), user.ID)
	require.NoError(t, err)
	require.Greater(t, after.AuthEpoch, user.AuthEpoch, "codes from before must open nothing")
	requireConsents(t, f, user, kept)
	requireConsents(t, f, other, theirs)
	require.Equal(t, identity.EndedByUser, f.session(t, session.ID).EndReason)
	f.requireLive(t, user, elsewhere.ID)
	f.requireLive(t, other, bystander.ID)
	require.Equal(t, client.ID, f.eventsOf(t, identity.EventConsentWithdrawn, user.ID)[0].ClientID)
}

func nothingIsWithdrawn(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	session := f.signIn(t, user, client)
	withdrawn, err := f.Consents.Withdraw(t.Context(), user.ID, client.ID)
	require.NoError(t, err)
	require.False(t, withdrawn)
	f.requireLive(t, user, session.ID)
	require.Empty(t, f.eventsOf(t, identity.EventConsentWithdrawn, user.ID))
}

func parallelConsents(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	var scopes []string
	for n := range callers {
		scopes = append(scopes, fmt.Sprint("scope", n))
	}
	for _, err := range inParallel(callers, func(n int) error {
		return f.at(n).Consents.Grant(t.Context(), newConsent(user, client, scopes[n]))
	}) {
		require.NoError(t, err)
	}
	stored, err := f.Consents.Find(t.Context(), user.ID, client.ID, "")
	require.NoError(t, err)
	require.ElementsMatch(t, scopes, stored.Scopes)
}

func consentsAreDeleted(t *testing.T, f fixture) {
	user, other, client := f.newUser(t), f.newUser(t), f.newClient(t)
	grantConsent(t, f, newConsent(user, client, "openid"))
	kept := grantConsent(t, f, newConsent(other, client, "openid"))
	f.requestDeletion(t, user, 0)
	require.Equal(t, 1, f.purge(t))
	requireDeleted(t, f, user)
	requireConsents(t, f, user)
	requireConsents(t, f, other, kept)
}

func hostileConsents(t *testing.T, f fixture) {
	user, client := f.newUser(t), f.newClient(t)
	innocent := grantConsent(t, f, newConsent(user, client, "openid"))
	for _, text := range texts() {
		consent := identity.Consent{UserID: user.ID, ClientID: newName() + text, Resource: text,
			Scopes: []string{text, strings.Repeat(text, 2)}, Terms: text}
		if err := f.Consents.Grant(t.Context(), consent); err == nil {
			stored, err := f.Consents.Find(t.Context(), user.ID, consent.ClientID, text)
			require.NoError(t, err, "%q", text)
			consent.GrantedAt = stored.GrantedAt
			require.Equal(t, consent, stored)
			withdrawn, err := f.Consents.Withdraw(t.Context(), user.ID, consent.ClientID)
			require.NoError(t, err, "%q", text)
			require.True(t, withdrawn)
		}
		withdrawn, err := f.Consents.Withdraw(t.Context(), user.ID, text)
		require.NoError(t, err, "%q", text)
		require.False(t, withdrawn)
		requireConsents(t, f, identity.User{ID: text})
	}
	requireConsents(t, f, user, innocent)
}
