package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// waitingStep is a step of a visit for something that waits for its user where it may be lost: a pushed request, or
// that of a device.
type waitingStep struct {
	visitStep
	signsIn bool   // it is left out by users who are signed in
	lost    string // what the answer says if that was lost; "": the step does not need it
	uses    bool   // it is used up, also if the answer gets lost
}

// What is said when a request was lost.
const (
	startAgain   = "Go back to the site or app, and start again."
	getNewCode   = "This code is wrong, or it has expired. Check it, or get a new one on the device."
	expiredToken = `"error":"expired_token"`
)

// pushedSteps are the steps of the client "site" and of a user, to a code and its tokens.
var pushedSteps = []waitingStep{
	{visitStep{"the pushed request", pushing, (*visit).takePushed}, false, "", false},
	{visitStep{"the link", following, redirectedTo("/sign-in?")}, true, startAgain, false},
	{visitStep{"the page to sign in", following, (*visit).takeForm}, true, startAgain, false},
	{visitStep{"the password", entering, signedInFor("/authorize?")}, true, startAgain, false},
	{visitStep{"the callback", following, (*visit).takeCode}, false, startAgain, true},
	{visitStep{"the tokens", redeeming("site", "itself"), (*visit).keepTokens}, false, "", false},
	{visitStep{"the link, once more", returning, says(http.StatusBadRequest, startAgain)}, false, "", false},
}

// deviceSteps are the steps of the device "television" and of a user, to its tokens.
var deviceSteps = []waitingStep{
	{visitStep{"the device", starting, (*visit).takeDevice}, false, "", false},
	{visitStep{"a poll", polling("waits"), notYet}, false, expiredToken, false},
	{visitStep{"the link", following, redirectedTo("/sign-in?")}, true, getNewCode, false},
	{visitStep{"the page to sign in", following, (*visit).takeForm}, true, getNewCode, false},
	{visitStep{"the password", entering, signedInFor("/device?")}, true, getNewCode, false},
	{visitStep{"the page to approve", following, (*visit).takeForm}, false, getNewCode, false},
	{visitStep{"the approval", deciding("allow"), connected}, false, getNewCode, false},
	{visitStep{"the approval, once more", deciding("allow"), connected}, false, getNewCode, false},
	{visitStep{"a denial", deciding("deny"), says(http.StatusBadRequest, startAgain)}, false, getNewCode, false},
	{visitStep{"the tokens", polling("itself"), (*visit).keepTokens}, false, expiredToken, false},
	{visitStep{"the tokens, for another", polling("thief"), refusedWith("invalid_grant")}, false, expiredToken, false},
}

func pushing(*visit) question { return question{path: "/par", form: requesting("site")} }

func (v *visit) takePushed(a shown) {
	require.Equal(v.t, http.StatusCreated, a.status, a.body)
	var pushed struct {
		RequestURI string `json:"request_uri"`
	}
	require.NoError(v.t, json.Unmarshal([]byte(a.body), &pushed))
	v.link = "/authorize?" + url.Values{"client_id": {"site"}, "request_uri": {pushed.RequestURI}}.Encode()
	v.next = v.link
}

// returning follows the link again.
func returning(v *visit) question { return question{path: v.link} }

func starting(*visit) question {
	return question{path: "/device_authorization", form: url.Values{"client_id": {"television"}, "scope": {"openid"}}}
}

func (v *visit) takeDevice(a shown) {
	require.Equal(v.t, http.StatusOK, a.status, a.body)
	var device struct {
		DeviceCode string `json:"device_code"`
		UserCode   string `json:"user_code"`
	}
	require.NoError(v.t, json.Unmarshal([]byte(a.body), &device))
	v.link, v.deviceCode = "/device?"+url.Values{"user_code": {device.UserCode}}.Encode(), device.DeviceCode
	v.next = v.link
}

// polling requests the tokens of the device, with a key for each who does.
func polling(who string) func(*visit) question {
	return func(v *visit) question {
		return question{"/token", url.Values{"grant_type": {oauth.GrantDeviceCode}, "client_id": {"television"},
			"device_code": {v.deviceCode}}, http.Header{"Idempotency-Key": {"the-key-of-the-device-" + who}}}
	}
}

// notYet takes the answer to a poll. One whose answer was lost is repeated too fast.
func notYet(v *visit, a shown) {
	var refused grantedTokens
	require.NoError(v.t, json.Unmarshal([]byte(a.body), &refused), a.body)
	require.Contains(v.t, []string{"authorization_pending", "slow_down"}, refused.Error)
}

func deciding(decision string) func(*visit) question {
	return func(v *visit) question {
		return question{path: v.form, form: url.Values{"session": {v.consent}, "decision": {decision}}}
	}
}

var connected = says(http.StatusOK, "The device is connected")

func (v *visit) keepTokens(a shown) { v.tokens = v.takeTokens(a) }

func signedInFor(prefix string) func(*visit, shown) {
	return func(v *visit, a shown) {
		sentOnTo(prefix)(v, a)
		v.signedIn = true
	}
}

func says(status int, text string) func(*visit, shown) {
	return func(v *visit, a shown) { require.True(v.t, a.says(status, text), "%d %s", a.status, a.body) }
}

// says reports whether the answer is an error or a page with a text, which leads nowhere.
func (a shown) says(status int, text string) bool {
	return a.status == status && strings.Contains(a.body, text) && a.header.Get("Location") == ""
}
