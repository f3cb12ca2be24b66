package storagetest

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

func profiles() []testCase {
	return []testCase{
		{"a user without a profile has the zero value", nothingKnown},
		{"a chosen profile is found, and replaced as a whole", profileIsChosen},
		{"a platform's profile is stored until the user has chosen one", profileIsSuggested},
		{"a phone number is stored, replaced and removed independently of the profile", phoneIsSet},
		{"a phone number is recorded in an event without the number", phoneIsRecorded},
		{"an unverified phone number never replaces a verified one", verifiedPhoneIsKept},
		{"a parallel unverified phone number does not replace a verified one", often(parallelPhones)},
		{"nothing is stored for an unknown user", profileOfNobody},
		{"a parallel suggestion of a platform does not undo a choice", often(parallelProfiles)},
		{"hostile texts in a profile are stored unchanged or rejected", hostileProfiles},
	}
}

// details returns what is known about a user, as a comparable value.
func (f fixture) details(t *testing.T, userID string) identity.Details {
	t.Helper()
	found, err := f.Profiles.Find(t.Context(), userID)
	require.NoError(t, err)
	found.Phone.SeenAt, found.UpdatedAt = found.Phone.SeenAt.UTC(), found.UpdatedAt.UTC()
	return found
}

func fullProfile() identity.Profile {
	return identity.Profile{
		Name: "王 小明", Nickname: "小明 🐼", Picture: "https://example.com/a.png?b=c", Gender: "male", Locale: "zh-CN",
		Email: "Xiao.Ming@example.com", Address: "北京市海淀区中关村大街 1 号 100080",
	}
}

func nothingKnown(t *testing.T, f fixture) {
	require.NoError(t, f.Profiles.Choose(t.Context(), f.newUser(t).ID, fullProfile()))
	require.Zero(t, f.details(t, f.newUser(t).ID))
	require.Zero(t, f.details(t, identity.NewUserID()))
	for _, text := range texts() {
		require.Zero(t, f.details(t, text), "%q", text)
	}
}

func profileIsChosen(t *testing.T, f fixture) {
	user, bystander := f.newUser(t), f.newUser(t)
	session := f.signIn(t, user, f.newClient(t))
	for _, want := range []identity.Profile{fullProfile(), {Nickname: "other"}, {}} {
		f.advance(time.Minute)
		before := f.now(t)
		require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, want))
		found := f.details(t, user.ID)
		between(t, before, f.now(t), found.UpdatedAt)
		require.Equal(t, identity.Details{Profile: want, Chosen: true, UpdatedAt: found.UpdatedAt}, found)
	}
	require.Zero(t, f.details(t, bystander.ID))
	require.Equal(t, inUTC(user), f.user(t, user.ID))
	f.requireLive(t, user, session.ID)
}

func profileIsSuggested(t *testing.T, f fixture) {
	user := f.newUser(t)
	for _, want := range []identity.Profile{fullProfile(), {Nickname: "as the platform says now"}} {
		did, err := f.Profiles.Suggest(t.Context(), user.ID, want)
		require.NoError(t, err)
		require.True(t, did)
		found := f.details(t, user.ID)
		require.Equal(t, want, found.Profile)
		require.False(t, found.Chosen)
		require.False(t, found.UpdatedAt.IsZero())
	}
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, identity.Profile{}))
	chosen := f.details(t, user.ID)
	did, err := f.Profiles.Suggest(t.Context(), user.ID, fullProfile())
	require.NoError(t, err)
	require.False(t, did, "an empty profile is a choice too")
	require.Equal(t, chosen, f.details(t, user.ID))
}

func phoneIsSet(t *testing.T, f fixture) {
	user, seenAt := f.newUser(t), f.now(t).Add(-time.Hour).UTC()
	want := identity.Details{}
	for n, phone := range []identity.Phone{
		{Number: "+8613800000001"}, {Number: "+8613800000001", SeenAt: seenAt},
		{Number: "+8613800000000", SeenAt: seenAt, Verified: true}, {},
		{Number: "+8613800000002", SeenAt: seenAt.Add(time.Second), Verified: true},
	} {
		if n == 1 { // profile and phone number do not affect each other
			want.Profile, want.Chosen = fullProfile(), true
			require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, want.Profile))
		}
		f.advance(time.Minute)
		before := f.now(t)
		require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, phone))
		found := f.details(t, user.ID)
		between(t, before, f.now(t), found.UpdatedAt)
		want.Phone, want.UpdatedAt = phone, found.UpdatedAt
		want.Phone.SeenAt = phone.SeenAt.UTC()
		require.Equal(t, want, found)
	}
	require.NoError(t, f.Profiles.Choose(t.Context(), user.ID, identity.Profile{}))
	require.Equal(t, want.Phone, f.details(t, user.ID).Phone)

	suggested := f.newUser(t)
	require.NoError(t, f.Profiles.SetPhone(t.Context(), suggested.ID, want.Phone))
	did, err := f.Profiles.Suggest(t.Context(), suggested.ID, fullProfile())
	require.NoError(t, err)
	require.True(t, did, "a phone number is not a chosen profile")
	require.Equal(t, want.Phone, f.details(t, suggested.ID).Phone)
}

func phoneIsRecorded(t *testing.T, f fixture) {
	user := f.newUser(t)
	require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{}), "there is nothing to remove")
	require.Zero(t, f.details(t, user.ID))
	require.Empty(t, f.eventsOf(t, identity.EventPhoneSet, user.ID))
	for _, phone := range []identity.Phone{{Number: "+8613800000000"}, {Number: "+8613800000000", Verified: true},
		{}, {}} {
		f.advance(time.Millisecond)
		require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, phone))
	}
	var details []string
	for _, event := range f.eventsOf(t, identity.EventPhoneSet, user.ID) {
		details = append(details, event.Detail)
	}
	require.Equal(t, []string{"removed", "verified", "unverified"}, details)
}

func verifiedPhoneIsKept(t *testing.T, f fixture) {
	user := f.newUser(t)
	verified := identity.Phone{Number: "+8613800000000", Verified: true}
	require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, verified))
	for _, number := range []string{verified.Number, "+8613900000000"} {
		err := f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: number})
		require.ErrorIs(t, err, identity.ErrExists)
		require.Equal(t, verified, f.details(t, user.ID).Phone)
	}
	require.Len(t, f.eventsOf(t, identity.EventPhoneSet, user.ID), 1)
	for _, replacing := range []identity.Phone{{Number: "+8613700000000", Verified: true}, {},
		{Number: "+8613900000000"}, {Number: "+8613700000000"}} {
		require.NoError(t, f.Profiles.SetPhone(t.Context(), user.ID, replacing))
		require.Equal(t, replacing, f.details(t, user.ID).Phone)
	}
}

// parallelPhones writes an unverified and a verified number at the same time: whichever is first, the verified one
// remains.
func parallelPhones(t *testing.T, f fixture) {
	user := f.newUser(t)
	for _, err := range inParallel(callers, func(n int) error {
		phone := identity.Phone{Number: "+8613800000000", Verified: n == callers/2}
		if err := f.at(n).Profiles.SetPhone(t.Context(), user.ID, phone); !errors.Is(err, identity.ErrExists) {
			return err
		}
		return nil
	}) {
		require.NoError(t, err)
	}
	require.True(t, f.details(t, user.ID).Phone.Verified)
}

func profileOfNobody(t *testing.T, f fixture) {
	for _, id := range append(texts(), "", identity.NewUserID()) {
		require.ErrorIs(t, f.Profiles.Choose(t.Context(), id, fullProfile()), identity.ErrNotFound, "%q", id)
		did, err := f.Profiles.Suggest(t.Context(), id, fullProfile())
		require.ErrorIs(t, err, identity.ErrNotFound, "%q", id)
		require.False(t, did)
		for _, phone := range []identity.Phone{{Number: "+8613800000000"}, {}} {
			require.ErrorIs(t, f.Profiles.SetPhone(t.Context(), id, phone), identity.ErrNotFound, "%q", id)
		}
		require.Zero(t, f.details(t, id))
		require.Empty(t, f.eventsOf(t, identity.EventPhoneSet, id))
	}
}

func parallelProfiles(t *testing.T, f fixture) {
	user := f.newUser(t)
	for _, err := range inParallel(callers, func(n int) error {
		switch n % 4 {
		case 0:
			return f.at(n/4).Profiles.Choose(t.Context(), user.ID, fullProfile())
		case 1:
			return f.at(n/4).Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: "+8613800000000",
				Verified: true})
		}
		_, err := f.at(n).Profiles.Suggest(t.Context(), user.ID, identity.Profile{Name: fmt.Sprint("platform ", n)})
		return err
	}) {
		require.NoError(t, err)
	}
	found := f.details(t, user.ID)
	require.Equal(t, fullProfile(), found.Profile)
	require.True(t, found.Chosen)
	require.Equal(t, identity.Phone{Number: "+8613800000000", Verified: true}, found.Phone)
}

func hostileProfiles(t *testing.T, f fixture) {
	innocent := f.newUser(t)
	require.NoError(t, f.Profiles.Choose(t.Context(), innocent.ID, fullProfile()))
	untouched := f.details(t, innocent.ID)
	for _, text := range texts() {
		user, want := f.newUser(t), identity.Details{}
		profile := identity.Profile{Name: text, Nickname: text, Picture: text, Gender: text, Locale: text, Email: text,
			Address: text}
		did, err := f.Profiles.Suggest(t.Context(), user.ID, profile)
		require.Equal(t, err == nil, did, "%q", text)
		if err == nil {
			want.Profile, want.Chosen, want.Phone.Number = profile, true, text
		}
		require.Equal(t, err == nil, f.Profiles.Choose(t.Context(), user.ID, profile) == nil, "%q", text)
		require.Equal(t, err == nil, f.Profiles.SetPhone(t.Context(), user.ID, identity.Phone{Number: text}) == nil,
			"%q", text)
		found := f.details(t, user.ID)
		want.UpdatedAt = found.UpdatedAt
		require.Equal(t, want, found)
	}
	require.Equal(t, untouched, f.details(t, innocent.ID))
}
