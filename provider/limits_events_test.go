package provider_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// eventsOf returns the audit events of a kind, the newest first.
func (w records) eventsOf(kind string) []identity.Event {
	w.t.Helper()
	events, err := w.database.Events().List(context.Background(), identity.EventsOf{Kind: kind}, 1000)
	require.NoError(w.t, err)
	return events
}

// TestFailedAndThrottledSignInsAreRecorded with the address and the hash of the name, once a minute.
func TestFailedAndThrottledSignInsAreRecorded(t *testing.T) {
	t.Parallel()
	w := newEnv(t, behindProxy)
	var last answer
	for range 20 {
		last = w.token(wrong("alice").from("2001:db8::1"))
	}
	requireTooMany(t, last)
	const name = "name 2bd806c97f0e00af" // the start of SHA-256("alice")
	failed, throttled := w.eventsOf(identity.EventSignInFailed), w.eventsOf(identity.EventSignInThrottled)
	require.Len(t, failed, 1)
	require.Len(t, throttled, 1)
	require.Equal(t, "password, "+name, failed[0].Detail)
	require.Equal(t, "password_minute, "+name, throttled[0].Detail)
	for _, event := range []identity.Event{failed[0], throttled[0]} {
		require.Equal(t, "backend", event.ClientID)
		require.Equal(t, "2001:db8::1", event.Actor.Address)
		require.NotEmpty(t, event.Actor.RequestID)
		require.Contains(t, w.log.String(), `"request_id":"`+event.Actor.RequestID+`"`)
	}
	requireError(t, w.token(w.wechatCode("eve").with("code", "invented").from("192.0.2.9")), http.StatusBadRequest,
		"invalid_grant")
	require.Len(t, w.eventsOf(identity.EventSignInFailed), 2)
	require.Equal(t, "192.0.2.9", w.eventsOf(identity.EventSignInFailed)[0].Actor.Address)
	for line := range strings.Lines(w.log.String()) {
		if strings.Contains(line, "request refused") {
			require.Regexp(t, `"address":"(2001:db8::1|192.0.2.9)"`, line)
		}
	}
}

// TestOtherLimitsAreRecordedToo when they refuse something.
func TestOtherLimitsAreRecordedToo(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t, behindProxy)
	for range 12 {
		w.account("POST /users", "", person("alice").from("192.0.2.1"))
	}
	reached := w.eventsOf(identity.EventLimitReached)
	require.Len(t, reached, 1)
	require.Equal(t, "address_registrations", reached[0].Detail)
	require.Equal(t, "192.0.2.1", reached[0].Actor.Address)
	require.Equal(t, "own", reached[0].ClientID)
}

// TestRoundTripsOfLimits: an attempt makes two to the volatile store, since the read is at the same time as the first
// count, and a refresh none.
func TestRoundTripsOfLimits(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	refresh := w.signIn("alice").text("refresh_token")
	w.token(wrong("alice"))
	w.volatile.called()
	requireError(t, w.token(wrong("alice")), http.StatusBadRequest, "invalid_grant")
	require.Equal(t, []string{"AllowAll", "AllowAll", "Get"}, w.volatile.called())
	requireTokens(t, w.token(refreshForm(refresh)))
	require.Empty(t, w.volatile.called())
	requireTokens(t, w.token(passwordForm("alice", testPassword)))
	require.Equal(t, []string{"AllowAll", "AllowAll", "AllowAll", "Get", "GiveBack", "Put"}, w.volatile.called())
	requireTokens(t, w.token(passwordForm("alice", testPassword)))
	require.Equal(t, []string{"AllowAll", "AllowAll", "AllowAll", "Get", "GiveBack"}, w.volatile.called())
	w.signIn("alice")
	called := strings.Join(w.volatile.called(), " ") // the rest is for the session key
	require.Equal(t, 2, strings.Count(called, "AllowAll"))
	require.Equal(t, 1, strings.Count(called, "GiveBack"))
}

// TestWhatASignInGivesBackCostsNoRoundTrip: it is given back while the sign-in is counted.
func TestWhatASignInGivesBackCostsNoRoundTrip(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	requireTokens(t, w.token(passwordForm("alice", testPassword))) // the network is known from now on
	for name, test := range map[string]struct {
		form   form
		counts int // of the attempt and of the sign-in
	}{"code": {w.wechatCode("alice"), 2}, "password": {passwordForm("alice", testPassword), 3}} {
		var counts atomic.Int32
		counted := make(chan struct{})
		w.volatile.before = func(method string) {
			switch {
			case method == "AllowAll":
				if int(counts.Add(1)) == test.counts {
					close(counted)
				}
			case method == "GiveBack":
				select {
				case <-counted:
				case <-time.After(20 * time.Second):
					t.Errorf("%s: the sign-in is counted only after this", name)
				}
			}
		}
		requireTokens(t, w.token(test.form))
	}
}

// TestProofsByCodeHaveABucketOfTheirOwn: a bad neighbor does not prevent them, and they are limited by user.
func TestProofsByCodeHaveABucketOfTheirOwn(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t, limited(limits.RejectedCodes, 30))
	ada, bob := w.at(testApp, "ada"), w.at(testApp, "bob")
	for n := range 31 {
		w.token(w.wechatCode("eve").with("code", fmt.Sprint("invented-", n)))
	}
	requireTooMany(t, w.token(w.wechatCode("eve").with("code", "invented", ":User-Agent", "new")))
	requireAccount(t, w.account("POST /export", ada.text("access_token"), w.proofBy(testApp, "ada")))
	for n := range 31 {
		invented := form{"proof_code": fmt.Sprint("invented-", n), "proof_appid": testApp}
		w.account("POST /export", ada.text("access_token"), invented)
	}
	requireTooMany(t, w.account("POST /export", ada.text("access_token"), w.proofBy(testApp, "ada")))
	requireAccount(t, w.account("POST /export", bob.text("access_token"), w.proofBy(testApp, "bob")))
}

// TestTheBudgetIsRefundedAfterTheTimeOfASignIn: WeChat's token comes so late that the phone number is never asked for.
func TestTheBudgetIsRefundedAfterTheTimeOfASignIn(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.wechatTimeout = 10e9 })
	shop := w.shop(100)
	require.NoError(t, w.simulator.Fail(wechattest.Fault{Path: "/cgi-bin/stable_token", DelayMS: 6000}))
	a := w.token(shop.with("code", w.code("ada"), "phone_code", w.phoneCode("ada")))
	requireTokens(t, a)
	require.Equal(t, "unavailable", a.members["phone_status"])
	use, err := w.database.Apps().PhoneUse(context.Background(), identity.PlatformWechat, testApp)
	require.NoError(t, err)
	require.Zero(t, use.Used)
}
