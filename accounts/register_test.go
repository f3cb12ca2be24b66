package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/password"
	"github.com/lingpai/lingpai/storage/memory"
)

func TestRegister(t *testing.T) {
	w := newEnv(t)
	user, err := w.accounts.Register(context.Background(), client, address, "Lei", newPassword)
	require.NoError(t, err)
	found, err := w.database.Users().FindByUsername(context.Background(), "lei")
	require.NoError(t, err)
	require.Equal(t, user.ID, found.ID)
	right, _, err := w.hasher.Check(context.Background(), password.Caller{}, found.PasswordHash, newPassword)
	require.NoError(t, err)
	require.True(t, right)
	events := w.events(identity.EventRegistered, user.ID)
	require.Len(t, events, 1)
	require.Equal(t, client, events[0].ClientID)
}

func TestRegisterSucceedsWithoutItsEvent(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) { c.Events = brokenEvents{c.Events} })
	_, err := w.accounts.Register(context.Background(), client, address, "lei", newPassword)
	require.NoError(t, err) // otherwise a second attempt would find the name taken
}

// brokenEvents cannot record.
type brokenEvents struct{ identity.Events }

func (brokenEvents) Record(context.Context, identity.Event) error {
	return errors.New("the disk is full")
}

func TestRegisterRejectsWithoutHashing(t *testing.T) {
	w := newEnv(t, limited(100, 1000))
	w.passwordUser("alice")
	for name, c := range map[string]struct {
		username, secret string
		code             oauth.Code
	}{
		"a taken name":                    {"alice", newPassword, oauth.UsernameTaken},
		"a taken name in full width":      {"ＡＬＩＣＥ", newPassword, oauth.UsernameTaken},
		"a look-alike":                    {"\u0430lice", newPassword, oauth.InvalidRequest},
		"an id":                           {identity.NewUserID(), newPassword, oauth.InvalidRequest},
		"no name":                         {"", newPassword, oauth.InvalidRequest},
		"no password":                     {"bob", "", oauth.WeakPassword},
		"7 characters":                    {"bob", "漢字漢字漢字漢", oauth.WeakPassword},
		"257 characters":                  {"bob", strings.Repeat("é", 257), oauth.WeakPassword},
		"1 MB":                            {"bob", strings.Repeat("a", 1<<20), oauth.WeakPassword},
		"a common password":               {"bob", "password", oauth.WeakPassword},
		"a common password in full width": {"bob", "ＰＡＳＳＷＯＲＤ", oauth.WeakPassword},
		"woaini1314":                      {"bob", "woaini1314", oauth.WeakPassword},
		"the name as password":            {"bobthebuilder", "BobTheBuilder", oauth.WeakPassword},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := w.accounts.Register(context.Background(), client, address, c.username, c.secret)
			requireError(t, err, c.code)
		})
	}
	require.Zero(t, w.hasher.hashes.Load())
}

// TestLookAlikesAreNotRegistered registers names beside alice, admin and so on, and sets them with a password.
func TestLookAlikesAreNotRegistered(t *testing.T) {
	w := newEnv(t, limited(1000, 1000))
	for _, name := range []string{"alice", "admin", "paypal", "apple", "\u0441\u0443\u0440", "口天", "modern"} {
		w.passwordUser(name)
	}
	c := w.wechatUser("openid")
	for attack, name := range map[string]string{
		"a click":                 "a\u01c0ice",
		"a dotless i":             "adm\u0131n",
		"a dead letter":           "\u01bfaypal",
		"all of it Cyrillic":      "\u0430\u0440\u0440\u04cf\u0435",
		"Cyrillic capitals":       "\u0410\u0420\u0420\u04c0\u0415",
		"ASCII for Cyrillic":      "cyp",
		"an enclosure as a mouth": "囗天",
		"Katakana as a mouth":     "ロ天",
		"Latin alpha":             "\u0251lice",
	} {
		_, err := w.accounts.Register(context.Background(), client, address, name, newPassword)
		require.Error(t, err, attack)
		err = w.accounts.SetPassword(context.Background(), c, byCode(w.code(miniApp, "openid")), name, newPassword)
		require.Error(t, err, attack)
	}
	for _, name := range []string{"modem", "日天", "\u0441\u0443\u043f\u0435\u0440"} {
		_, err := w.accounts.Register(context.Background(), client, address, name, newPassword)
		require.NoError(t, err, name)
	}
}

func TestMassRegistrationFromOneAddress(t *testing.T) {
	w := newEnv(t)
	w.passwordUser("alice")
	register := func(address, name string) error {
		_, err := w.accounts.Register(context.Background(), client, address, name, newPassword)
		return err
	}
	for range 10 { // probing names counts like registering
		requireError(t, register(address, "alice"), oauth.UsernameTaken)
	}
	err := register(address, "bob")
	requireError(t, err, oauth.TooManyRequests)
	refusal, _ := errors.AsType[*oauth.Error](err)
	require.InDelta(t, 6*time.Minute, refusal.RetryAfter, float64(time.Minute))
	require.Zero(t, w.hasher.hashes.Load(), "counted before hashing")
	require.NoError(t, register("192.0.2.2", "bob"), "other addresses may register")
}

func TestMassRegistrationInParallel(t *testing.T) {
	w := newEnv(t, limited(2, 3))
	var group sync.WaitGroup
	for n := range 24 {
		group.Go(func() {
			_, err := w.accounts.Register(context.Background(), client, fmt.Sprintf("192.0.2.%d", n%12),
				fmt.Sprintf("bot-%d", n), newPassword)
			if err != nil {
				requireError(t, err, oauth.TooManyRequests)
			}
		})
	}
	group.Wait()
	users, err := w.database.Users().List(context.Background(), "", 100)
	require.NoError(t, err)
	require.Len(t, users, 3)
}

func TestUnknownAddressesShareNoLimit(t *testing.T) {
	w := newEnv(t, limited(1, 3))
	for n := range 3 {
		_, err := w.accounts.Register(context.Background(), client, "", fmt.Sprintf("user-%d", n), newPassword)
		require.NoError(t, err)
	}
	_, err := w.accounts.Register(context.Background(), client, "", "user-3", newPassword)
	requireError(t, err, oauth.TooManyRequests)
}

func TestOneNameRegisteredInParallel(t *testing.T) {
	w := newEnv(t)
	errs := make([]error, 4)
	var group sync.WaitGroup
	for n, name := range []string{"lei", "LEI", "ｌｅｉ", "Lei"} {
		group.Go(func() { _, errs[n] = w.accounts.Register(context.Background(), client, address, name, newPassword) })
	}
	group.Wait()
	registered := 0
	for _, err := range errs {
		if err == nil {
			registered++
			continue
		}
		requireError(t, err, oauth.UsernameTaken)
	}
	require.Equal(t, 1, registered)
}

func TestRegisterFailsIfItCannotCount(t *testing.T) {
	w := newEnv(t, func(c *accounts.Config) {
		c.Limiter = limits.New(limits.Config{Store: brokenVolatile{}, Events: c.Events, Logger: c.Logger})
	})
	_, err := w.accounts.Register(context.Background(), client, address, "lei", newPassword)
	requireError(t, err, oauth.TemporarilyUnavailable)
	require.Zero(t, w.hasher.hashes.Load())
}

// brokenVolatile is a volatile store that cannot be reached.
type brokenVolatile struct{ identity.Volatile }

func (brokenVolatile) AllowAll(context.Context, string, ...identity.Rate) (time.Duration, int, error) {
	return 0, 0, errors.New("connection refused")
}

// limited changes the limits of registrations in an hour.
func limited(perAddress, together int) func(*accounts.Config) {
	return func(c *accounts.Config) {
		c.Limiter = limits.New(limits.Config{
			Store: memory.New(memory.Options{}), Events: c.Events, Logger: c.Logger,
			Rates: map[limits.Name]limits.Rate{limits.AddressRegistrations: {Uses: perAddress, Period: time.Hour},
				limits.Registrations: {Uses: together, Period: time.Hour}},
		})
	}
}

// TestFailedRegistrationsAreGivenBack if the server was the reason: when it has recovered, the address may register as
// many users as before.
func TestFailedRegistrationsAreGivenBack(t *testing.T) {
	var busy bool
	w := newEnv(t, limited(2, 2), func(c *accounts.Config) {
		c.Hasher = sometimesBusy{c.Hasher, &busy}
	})
	register := func(name string) error {
		_, err := w.accounts.Register(context.Background(), client, address, name, newPassword)
		return err
	}
	busy = true
	for range 5 {
		requireError(t, register("lei"), oauth.TemporarilyUnavailable)
	}
	busy = false
	require.NoError(t, register("lei"))
	requireError(t, register("lei"), oauth.UsernameTaken) // counts
	requireError(t, register("han"), oauth.TooManyRequests)
}

// sometimesBusy is a hasher that may have no free place.
type sometimesBusy struct {
	accounts.Hasher
	busy *bool
}

func (h sometimesBusy) Hash(ctx context.Context, caller password.Caller, secret string) (string, error) {
	if *h.busy {
		return "", password.ErrBusy
	}
	return h.Hasher.Hash(ctx, caller, secret)
}
