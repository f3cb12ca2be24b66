package limits_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/memory"
)

// env is a limiter whose clock moves only when the test moves it.
type env struct {
	identity.Events
	*limits.Limiter
	now      time.Time
	store    identity.Volatile
	recorded []identity.Event
	metered  []string
	log      bytes.Buffer
}

func newEnv(rates map[limits.Name]limits.Rate) *env {
	e := &env{now: time.Now()}
	clock := func() time.Time { return e.now }
	e.store = memory.New(memory.Options{Now: clock})
	e.Limiter = e.replica(rates)
	return e
}

// replica returns another limiter with the same stores.
func (e *env) replica(rates map[limits.Name]limits.Rate) *limits.Limiter {
	return limits.New(limits.Config{Store: e.store, Events: e, Rates: rates, Meter: e,
		Now: func() time.Time { return e.now }, Logger: slog.New(slog.NewTextHandler(&e.log, nil))})
}

func (e *env) Limited(limit string) { e.metered = append(e.metered, limit) }

func (e *env) Record(ctx context.Context, event identity.Event) error {
	event.Actor = identity.ActorFrom(ctx)
	e.recorded = append(e.recorded, event)
	return ctx.Err()
}

func (e *env) List(context.Context, identity.EventsOf, int) ([]identity.Event, error) {
	return nil, nil
}

func TestCountAnswersWithTheWait(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.SignIns: {Uses: 2, Period: time.Minute}})
	sign := func(key string) error { return e.Count(t.Context(), limits.Of(limits.SignIns, key)) }
	require.NoError(t, sign("a"))
	require.NoError(t, sign("a"))
	err := sign("a")
	require.ErrorIs(t, err, oauth.TooManyRequests)
	refused, ok := errors.AsType[*oauth.Error](err)
	require.True(t, ok)
	require.NotEmpty(t, refused.Description)
	require.Equal(t, 30*time.Second, refused.RetryAfter, "one more every Period/Uses")
	require.Contains(t, err.Error(), "limit sign_ins", "for the log")
	require.NoError(t, sign("b"), "another key")
	e.now = e.now.Add(30 * time.Second)
	require.NoError(t, sign("a"))
	require.ErrorIs(t, sign("a"), oauth.TooManyRequests)
}

// TestLongIDsAreCounted: an imported user's id may be as long as a key of the store.
func TestLongIDsAreCounted(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.PhoneNumbers: {Uses: 1, Period: time.Hour}})
	id := strings.Repeat("x", 255)
	require.NoError(t, e.Count(t.Context(), limits.Of(limits.PhoneNumbers, id)))
	require.ErrorIs(t, e.Count(t.Context(), limits.Of(limits.PhoneNumbers, id)), oauth.TooManyRequests)
}

func TestNoUsesAreNoLimit(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.PasswordAddress: {Uses: 0, Period: time.Minute}})
	for range 1000 {
		require.NoError(t, e.Count(t.Context(), limits.ByAddress(limits.PasswordAddress, "192.0.2.1")))
	}
	require.NoError(t, e.Count(t.Context(), limits.ByAddress(limits.RejectedCodes, "")), "an unknown address")
}

// TestNetworksHaveLargerLimits: the wider the network, the larger its limit. Networks do not affect each other.
func TestNetworksHaveLargerLimits(t *testing.T) {
	for name, c := range map[string]struct {
		address string // perhaps with the number of the caller
		allowed int
	}{
		"one address": {"2001:db8::1", 3}, "an IPv6 /64": {"2001:db8::%x", 6},
		"an IPv6 /56": {"2001:db8:0:%x::1", 12},
		"an IPv6 /48": {"2001:db8:0:%x00::1", 24}, "an IPv4 address": {"192.0.2.1", 3},
		"an IPv4 address in IPv6": {"::ffff:192.0.2.1", 3}, "an IPv4 /24": {"192.0.2.%d", 24},
		"IPv6 networks": {"2001:db8:%x::1", 99}, "IPv4 networks": {"192.0.%d.1", 99}, "no address": {"a proxy", 3},
	} {
		t.Run(name, func(t *testing.T) {
			e := newEnv(map[limits.Name]limits.Rate{limits.AddressRegistrations: {Uses: 3, Period: time.Hour}})
			allowed := 0
			for n := range 99 {
				address := c.address
				if strings.Contains(address, "%") {
					address = fmt.Sprintf(address, n+1)
				}
				if e.Count(t.Context(), limits.ByAddress(limits.AddressRegistrations, address)) == nil {
					allowed++
				}
			}
			require.Equal(t, c.allowed, allowed)
		})
	}
}

func TestNetworksOfAddresses(t *testing.T) {
	for address, want := range map[string][]string{
		"192.0.2.7":             {"192.0.2.7/32", "192.0.2.0/24", "192.0.2.0/24"},
		"::ffff:192.0.2.7":      {"192.0.2.7/32", "192.0.2.0/24", "192.0.2.0/24"},
		"2001:db8:1:2:3:4:5:6":  {"2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1::/48"},
		"fe80::1%eth0":          {"fe80::/64", "fe80::/64", "fe80::/48"},
		"somewhere":             {"somewhere", "somewhere", "somewhere"},
		"":                      {"", "", ""},
		"2001:db8:1:2:3:4:5:66": {"2001:db8:1:2::/64", "2001:db8:1:2::/64", "2001:db8:1::/48"},
	} {
		require.Equal(t, want, []string{limits.Customer(address), limits.Neighborhood(address),
			limits.Network(address)}, address)
	}
}

// TestGroupsAreCountedTogether: if one limit refuses, none is counted.
func TestGroupsAreCountedTogether(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.PasswordMinute: {Uses: 2, Period: time.Hour},
		limits.PasswordUser: {Uses: 5, Period: time.Hour}})
	uses := limits.InGroup("user/a").And(limits.PasswordMinute, "home").And(limits.PasswordUser, "")
	require.NoError(t, e.Count(t.Context(), uses))
	require.NoError(t, e.Count(t.Context(), uses))
	for range 10 {
		require.ErrorIs(t, e.Count(t.Context(), uses), oauth.TooManyRequests)
	}
	user := limits.InGroup("user/a").And(limits.PasswordUser, "")
	for range 3 {
		require.NoError(t, e.Count(t.Context(), user))
	}
	require.ErrorIs(t, e.Count(t.Context(), user), oauth.TooManyRequests)
	require.NoError(t, e.Count(t.Context(), limits.InGroup("user/a").AndLeniently(limits.PasswordUser, "")))
}

// TestCountingEach: a refusal by one group costs the groups before it nothing.
func TestCountingEach(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.ScanLinks: {Uses: 2, Period: time.Hour},
		limits.AllScanLinks: {Uses: 1, Period: time.Hour}})
	own, all := limits.Of(limits.ScanLinks, "code"), limits.Of(limits.AllScanLinks)
	require.NoError(t, e.CountEach(t.Context(), own, all))
	for range 10 {
		err := e.CountEach(t.Context(), own, all)
		require.ErrorContains(t, err, "limit all_scan_links")
	}
	require.NoError(t, e.Count(t.Context(), own))
	require.ErrorIs(t, e.CountEach(t.Context(), own, all), oauth.TooManyRequests)
	e.GiveBack(t.Context(), own, all)
	require.NoError(t, e.CountEach(t.Context(), own, all))
}

func TestGivingBack(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.PasswordMinute: {Uses: 2, Period: time.Hour},
		limits.PasswordUser: {Uses: 2, Period: time.Hour}})
	uses := limits.InGroup("user/a").And(limits.PasswordMinute, "home").And(limits.PasswordUser, "")
	ended, cancel := context.WithCancel(t.Context())
	for range 2 {
		require.NoError(t, e.Count(ended, uses))
	}
	cancel()
	e.GiveBack(ended, uses)
	require.NoError(t, e.Count(t.Context(), uses), "also if the context has ended")
	require.ErrorIs(t, e.Count(t.Context(), uses), oauth.TooManyRequests)
	e.GiveBack(t.Context(), uses.Forgetting(limits.PasswordMinute))
	minute := limits.InGroup("user/a").And(limits.PasswordMinute, "home")
	require.NoError(t, e.Count(t.Context(), minute))
	require.NoError(t, e.Count(t.Context(), minute), "all were forgotten")
	user := limits.InGroup("user/a").And(limits.PasswordUser, "")
	require.NoError(t, e.Count(t.Context(), user))
	require.ErrorIs(t, e.Count(t.Context(), user), oauth.TooManyRequests, "one was given back")
	e.GiveBack(t.Context(), limits.Uses{})
	require.Empty(t, strings.TrimSpace(withoutRefusals(e.log.String())))
}

func withoutRefusals(log string) string {
	return strings.Join(slices.DeleteFunc(strings.Split(log, "\n"), func(line string) bool {
		return strings.Contains(line, "msg=refused")
	}), "\n")
}

// brokenStore is a store that cannot be reached.
type brokenStore struct{ identity.Volatile }

func (brokenStore) AllowAll(context.Context, string, ...identity.Rate) (time.Duration, int, error) {
	return 0, 0, errors.New("connection refused")
}

func (brokenStore) GiveBack(context.Context, string, ...identity.Rate) error {
	return errors.New("connection refused")
}

// TestFailingStoreAllowsNothing: otherwise an attack on the store would remove the limits.
func TestFailingStoreAllowsNothing(t *testing.T) {
	e := newEnv(nil)
	limiter := limits.New(limits.Config{Store: brokenStore{}, Events: e, Logger: slog.New(slog.NewTextHandler(&e.log,
		nil))})
	uses := limits.Of(limits.SignIns, "a")
	err := limiter.Count(t.Context(), uses)
	require.ErrorIs(t, err, oauth.TemporarilyUnavailable)
	require.NotErrorIs(t, err, oauth.TooManyRequests)
	require.Empty(t, e.recorded)
	limiter.GiveBack(t.Context(), uses)
	require.Contains(t, e.log.String(), "cannot give back")
}

// TestRefusalsAreReported: each is counted, and one a minute of a limit and key is logged and recorded, by one replica.
func TestRefusalsAreReported(t *testing.T) {
	rates := map[limits.Name]limits.Rate{limits.SignIns: {Uses: 1, Period: 24 * time.Hour}}
	e := newEnv(rates)
	other := e.replica(rates)
	ctx := identity.WithActor(t.Context(), identity.Actor{Address: "192.0.2.1", RequestID: "r1"})
	about := identity.Event{UserID: "u_1", ClientID: "mini", Detail: "more"}
	refuse := func(limiter *limits.Limiter, key string) {
		for range 5 {
			_ = limiter.Count(ctx, limits.Of(limits.SignIns, key).About(about))
		}
	}
	refuse(e.Limiter, "a")
	require.Equal(t, slices.Repeat([]string{"sign_ins"}, 4), e.metered)
	require.Equal(t, []identity.Event{{Kind: identity.EventSignInThrottled, UserID: "u_1", ClientID: "mini",
		Detail: "sign_ins, more", Actor: identity.Actor{Address: "192.0.2.1", RequestID: "r1"}}}, e.recorded)
	require.Equal(t, 1, strings.Count(e.log.String(), "msg=refused"))
	require.Contains(t, e.log.String(), "sign_ins, more")
	refuse(other, "a")
	require.Len(t, e.recorded, 1, "another replica")
	require.Len(t, e.metered, 9)
	refuse(e.Limiter, "b")
	require.Len(t, e.recorded, 2, "another key")
	e.now = e.now.Add(time.Minute)
	refuse(e.Limiter, "a")
	require.Len(t, e.recorded, 3, "a minute later")
}

// TestStrangersCannotFillTheAuditLog with a new key each time.
func TestStrangersCannotFillTheAuditLog(t *testing.T) {
	e := newEnv(nil)
	for n := range 1000 {
		e.Limiter.Record(t.Context(), fmt.Sprint(n), identity.Event{Kind: identity.EventSignInFailed})
	}
	require.Len(t, e.recorded, 60)
	e.Limiter.Record(t.Context(), "0", identity.Event{Kind: identity.EventLimitReached})
	require.Len(t, e.recorded, 61, "each kind has its own maximum")
	e.now = e.now.Add(time.Minute)
	e.Limiter.Record(t.Context(), "0", identity.Event{Kind: identity.EventSignInFailed})
	require.Len(t, e.recorded, 62)
}

// TestEventsAreRecordedWhenTheCallerIsGone, since the refusal is already decided.
func TestEventsAreRecordedWhenTheCallerIsGone(t *testing.T) {
	e := newEnv(nil)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	e.Limiter.Record(ctx, "a", identity.Event{Kind: identity.EventSignInFailed})
	require.Len(t, e.recorded, 1)
}

func TestParallelUses(t *testing.T) {
	e := newEnv(map[limits.Name]limits.Rate{limits.PasswordAddress: {Uses: 5, Period: time.Hour}})
	var group sync.WaitGroup
	allowed := make(chan struct{}, 100)
	for range 100 {
		group.Go(func() {
			if e.Try(t.Context(), limits.ByAddress(limits.PasswordAddress, "192.0.2.1")) == nil {
				allowed <- struct{}{}
			}
		})
	}
	group.Wait()
	require.Len(t, allowed, 5)
}

func TestRates(t *testing.T) {
	for text, want := range map[string]limits.Rate{"60/1h": {Uses: 60, Period: time.Hour},
		"3/24h": {Uses: 3, Period: 24 * time.Hour}, "0/90s": {Period: 90 * time.Second},
		"5/1m": {Uses: 5, Period: time.Minute}} {
		rate, err := limits.ParseRate(text)
		require.NoError(t, err)
		require.Equal(t, want, rate)
		require.Equal(t, text, rate.String())
	}
	for _, text := range []string{"", "60", "60/", "/1h", "x/1h", "-1/1h", "1000001/1h", "60/0s", "60/-1h", "60/721h"} {
		_, err := limits.ParseRate(text)
		require.Error(t, err, text)
	}
}

// TestTheTableIsComplete: each limit has a unique name, a rate and its texts.
func TestTheTableIsComplete(t *testing.T) {
	var names []limits.Name
	for _, limit := range limits.All() {
		require.Regexp(t, "^[a-z_]+$", limit.Name)
		require.NotContains(t, names, limit.Name)
		names = append(names, limit.Name)
		require.NotEmpty(t, limit.By)
		require.NotEmpty(t, limit.Of)
		require.Positive(t, limit.Rate.Uses)
		require.Positive(t, limit.Rate.Period)
		require.True(t, limits.Known(limit.Name))
	}
	require.False(t, limits.Known("nonsense"))
}
