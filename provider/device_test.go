package provider_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
)

// devices is an installation with the clients "tv", which is public and somebody else's, and "box", which is
// confidential and the operator's own.
type devices struct{ *web }

func newDevices(t *testing.T, options ...option) devices {
	t.Helper()
	w := devices{newWeb(t, options...)}
	for _, client := range []identity.Client{
		{ID: "tv", Name: "The television", Audience: []string{testAudience}},
		{ID: "box", Name: "The box", Confidential: true, SecretHash: identity.HashSecret(testSecret), FirstParty: true},
	} {
		client.Grants = []string{oauth.GrantDeviceCode, oauth.GrantRefreshToken}
		client.Scopes, client.DefaultScopes = []string{"openid", "profile", "offline_access"}, []string{"openid"}
		require.NoError(t, w.database.Clients().Create(t.Context(), client))
	}
	return w
}

// ask asks for codes as a device does.
func (w devices) ask(client string, pairs ...string) answer {
	f := form{"client_id": client, ":User-Agent": "Television/7"}
	if client == "box" {
		f = f.with("client_secret", testSecret)
	}
	body, header := f.with(pairs...).encode()
	return w.post("/device_authorization", body, header)
}

// device is a device with its codes.
type device struct {
	w      devices
	client string
	answer answer
}

func (w devices) device(client string, pairs ...string) device {
	w.t.Helper()
	a := w.ask(client, pairs...)
	require.Equal(w.t, http.StatusOK, a.status, a.body)
	return device{w, client, a}
}

// poll asks whether the user has approved.
func (d device) poll(pairs ...string) answer { return d.w.token(d.form().with(pairs...)) }

func (d device) form() form {
	f := form{"grant_type": oauth.GrantDeviceCode, "client_id": d.client, "device_code": d.answer.text("device_code")}
	if d.client == "box" {
		f = f.with("client_secret", testSecret)
	}
	return f
}

func (d device) requirePoll(name string) {
	d.w.t.Helper()
	requireError(d.w.t, d.poll(), http.StatusBadRequest, name)
}

// complete returns the path of the page for the device's code.
func (d device) complete() string {
	return strings.TrimPrefix(d.answer.text("verification_uri_complete"), d.w.issuer)
}

// approval returns the page that asks a user to approve, who signs in if they are not.
func (v visitor) approval(d device, user string) page {
	v.t.Helper()
	p := v.follow(v.open(d.complete()))
	if strings.Contains(p.body, `name="password"`) {
		p = v.enter(p, user)
	}
	require.Contains(v.t, p.body, `id="device-allow"`, p.body)
	return p
}

func (v visitor) approve(d device, user string) {
	v.t.Helper()
	require.Contains(v.t, v.submit(v.approval(d, user), "decision", "allow").body, "设备已连接")
}

// TestTheDeviceGrant is a whole flow: a user signs in and approves elsewhere, and the device gets what it asked for.
func TestTheDeviceGrant(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "/tenant"} {
		w := newDevices(t, func(s *settings) { s.path = path })
		for _, client := range []string{"tv", "box"} {
			d := w.device(client, "scope", "openid profile")
			require.Equal(t, "no-store", d.answer.header.Get("Cache-Control"))
			require.EqualValues(t, 600, d.answer.members["expires_in"])
			require.EqualValues(t, 5, d.answer.members["interval"])
			require.Equal(t, w.issuer+"/device", d.answer.text("verification_uri"))
			require.Regexp(t, "^[BCDFGHJKLMNPQRSTVWXZ]{4}-[BCDFGHJKLMNPQRSTVWXZ]{4}$", d.answer.text("user_code"))
			d.requirePoll("authorization_pending")

			v := w.visitor()
			p := v.open("/device")
			require.Equal(t, http.StatusOK, p.status)
			p = v.enter(v.follow(v.submit(p, "user_code", d.answer.text("user_code"))), "alice")
			for _, shown := range []string{d.answer.text("user_code"), "Television/7", "127.0.0.1", "个人资料",
				"设备与你在同一网络"} {
				require.Contains(t, p.body, shown)
			}
			require.Contains(t, v.submit(p, "decision", "allow").body, "设备已连接")

			tokens := d.poll()
			requireTokens(t, tokens)
			require.Equal(t, "openid profile", tokens.text("scope"))
			claims := claimsOf(t, tokens.text("id_token"))
			require.Equal(t, w.user("alice").ID, claims["sub"])
			require.Equal(t, client, claims["aud"])
			requireError(t, d.poll(), http.StatusBadRequest, "invalid_grant")
			requireTokens(t, w.refreshed(client, tokens))
		}
	}
}

// refreshed refreshes the session of a device.
func (w devices) refreshed(client string, a answer) answer {
	f := form{"grant_type": "refresh_token", "client_id": client, "refresh_token": a.text("refresh_token")}
	if client == "box" {
		f = f.with("client_secret", testSecret)
	}
	return w.token(f)
}

// TestTypedUserCodes may be in any case, in full width, and have spaces and hyphens anywhere.
func TestTypedUserCodes(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	code := w.device("tv").answer.text("user_code")
	wide := strings.Map(func(r rune) rune { return r + 0xFEE0 }, code)
	v := w.visitor()
	for _, typed := range []string{code, strings.ToLower(code), strings.ReplaceAll(code, "-", ""), " " + code + "\t",
		strings.ReplaceAll(code, "-", " – "), wide, strings.ReplaceAll(code, "-", "　"), code[:2] + "-" + code[2:]} {
		require.Contains(t, v.follow(v.submit(v.open("/device"), "user_code", typed)).body, `name="password"`, typed)
	}
	for _, typed := range []string{"", code[1:], code + "B", "AAAA-AAAA", "ÄÄÄÄ", strings.Repeat("-", 80), "\x00"} {
		p := v.submit(v.open("/device?ui_locales=en"), "user_code", typed)
		require.Equal(t, http.StatusBadRequest, p.status, typed)
		require.Contains(t, p.body, `aria-invalid="true"`)
		require.Contains(t, p.body, `<html lang="en"`)
	}
}

// TestDeniedDevices learn it, and the first decision counts.
func TestDeniedDevices(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d := w.device("tv")
	alice, bob := w.visitor(), w.visitor()
	asked, other := alice.approval(d, "alice"), bob.approval(d, "bob")
	require.Contains(t, alice.submit(asked, "decision", "deny").body, "已拒绝该设备")
	d.requirePoll("access_denied")
	require.Contains(t, alice.submit(asked, "decision", "deny").body, "已拒绝该设备", "pressed twice")
	for _, p := range []page{bob.submit(other, "decision", "allow"), alice.submit(asked, "decision", "allow"),
		alice.follow(alice.open(d.complete()))} {
		require.Equal(t, http.StatusBadRequest, p.status)
		require.Contains(t, p.body, "页面已过期")
	}
	d.requirePoll("access_denied")

	d = w.device("tv")
	require.Contains(t, bob.submit(bob.approval(d, "bob")).body, "已拒绝该设备", "no button is no approval")
}

// TestDevicesThatPollTooFast must wait longer from then on (RFC 8628 §3.5), and are answered nevertheless once the user
// has decided.
func TestDevicesThatPollTooFast(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d, patient := w.device("tv"), w.device("tv")
	d.requirePoll("authorization_pending")
	for range 3 {
		w.clock.Move(5 * time.Second)
		d.requirePoll("authorization_pending")
	}
	w.clock.Move(3 * time.Second)
	d.requirePoll("slow_down")
	w.clock.Move(2 * time.Second)
	d.requirePoll("authorization_pending")
	w.clock.Move(5 * time.Second)
	d.requirePoll("slow_down")
	for range 2 {
		w.clock.Move(15 * time.Second)
		d.requirePoll("authorization_pending")
	}
	patient.requirePoll("authorization_pending")
	w.visitor().approve(d, "alice")
	requireTokens(t, d.poll())
}

// TestExpiredDeviceCodes: after ten minutes, nothing is approved or redeemed.
func TestExpiredDeviceCodes(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	pending, approved := w.device("tv"), w.device("tv")
	v := w.visitor()
	signIn := v.follow(v.open(pending.complete()))
	p := v.approval(pending, "alice")
	v.approve(approved, "alice")
	w.clock.Move(10*time.Minute + time.Second)
	pending.requirePoll("expired_token")
	approved.requirePoll("expired_token")
	require.Contains(t, v.submit(p, "decision", "allow").body, "代码不正确或已过期")
	require.Contains(t, v.open(signIn.at).body, "代码不正确或已过期", "not that the user goes back to a site")
}

// TestParallelRedemptions: one gets tokens, and no other ends its session.
func TestParallelRedemptions(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d := w.device("tv")
	w.visitor().approve(d, "alice")
	answers := make([]answer, 8)
	var running sync.WaitGroup
	for n := range answers {
		running.Go(func() { answers[n] = d.poll() })
	}
	running.Wait()
	var won []answer
	for _, a := range answers {
		if a.status == http.StatusOK {
			won = append(won, a)
			continue
		}
		requireError(t, a, http.StatusBadRequest, "invalid_grant")
	}
	require.Len(t, won, 1)
	requireTokens(t, w.refreshed("tv", won[0]))
}

// TestRepeatedRedemptions: a device that sends an Idempotency-Key gets its lost answer again.
func TestRepeatedRedemptions(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d := w.device("tv")
	w.visitor().approve(d, "alice")
	first, again := d.poll(":Idempotency-Key", testKey), d.poll(":Idempotency-Key", testKey)
	requireTokens(t, first)
	requireTokens(t, again)
	require.Equal(t, first.text("refresh_token"), again.text("refresh_token"))
	requireError(t, d.poll(":Idempotency-Key", testKey+"2"), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.refreshed("tv", first))
	requireError(t, d.poll(":Idempotency-Key", testKey), http.StatusBadRequest, "invalid_grant")
}

// TestApprovalsThatEnd: an approval is worth nothing once its user has signed out, or was disabled or changed.
func TestApprovalsThatEnd(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(w devices, v visitor){
		"signed out": func(_ devices, v visitor) { v.submit(v.open("/sign-out")) },
		"disabled": func(w devices, _ visitor) {
			require.NoError(t, w.database.Users().Disable(t.Context(), w.user("alice").ID))
		},
		"a new password": func(w devices, _ visitor) {
			user := w.user("alice")
			require.NoError(t, w.database.Users().SetPassword(t.Context(), user.ID, user.PasswordHash))
		},
		"the grant taken away": func(w devices, _ visitor) {
			w.update("tv", func(c *identity.Client) { c.Grants = []string{oauth.GrantRefreshToken} })
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newDevices(t)
			d, v := w.device("tv"), w.visitor()
			v.approve(d, "alice")
			end(w, v)
			a := d.poll()
			require.Equal(t, http.StatusBadRequest, a.status, a.body)
			require.Contains(t, []string{"invalid_grant", "unauthorized_client"}, a.text("error"))
		})
	}
}

// TestGuessedUserCodes are counted by address and user, and right ones are not.
func TestGuessedUserCodes(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d, v := w.device("tv"), w.visitor()
	for range 40 {
		require.Contains(t, v.follow(v.open(d.complete())).body, `name="password"`)
	}
	guess := func(v visitor) page { return v.open("/device?user_code=BBBB-BBBB") }
	for range 30 {
		require.Contains(t, guess(v).body, "代码不正确或已过期")
	}
	p := guess(v)
	require.Equal(t, http.StatusTooManyRequests, p.status)
	require.Contains(t, p.body, "尝试次数过多")
	require.Equal(t, http.StatusTooManyRequests, v.open(d.complete()).status, "the right one is no better")
	require.Contains(t, guess(w.visitor()).body, "尝试次数过多")

	w.clock.Move(20 * time.Minute)
	v.signIn("alice", "shop")
	for range 20 {
		require.Contains(t, guess(v).body, "代码不正确或已过期")
	}
	require.Contains(t, guess(v).body, "尝试次数过多")
	require.Contains(t, guess(w.visitor()).body, "代码不正确或已过期", "others are not hit")
}

// TestBadDeviceRequests are refused at once, and nothing is kept.
func TestBadDeviceRequests(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	w.volatile.called()
	for name, test := range map[string]struct {
		client string
		status int
		code   string
		pairs  []string
	}{
		"no such client":        {"nobody", http.StatusUnauthorized, "invalid_client", nil},
		"a wrong secret":        {"box", http.StatusUnauthorized, "invalid_client", []string{"client_secret", "wrong"}},
		"not registered for it": {"spa", http.StatusBadRequest, "unauthorized_client", nil},
		"a scope":               {"tv", http.StatusBadRequest, "invalid_scope", []string{"scope", "account"}},
		"a resource": {"tv", http.StatusBadRequest, "invalid_target",
			[]string{"resource", "https://other.example.com"}},
		"a page": {"tv", http.StatusBadRequest, "invalid_request", []string{":Origin", "https://evil.example"}},
	} {
		requireError(t, w.ask(test.client, test.pairs...), test.status, test.code)
		t.Log(name)
	}
	require.Equal(t, http.StatusMethodNotAllowed, w.get("/device_authorization", nil).status)
	require.NotContains(t, w.volatile.called(), "PutIfAbsent")

	var long []string
	for n := range 20 {
		long = append(long, strings.Repeat("s", 30+n))
	}
	w.update("tv", func(c *identity.Client) { c.Scopes = long })
	requireError(t, w.ask("tv", "scope", strings.Join(long, " ")), http.StatusBadRequest, "invalid_request")
}

// TestBadDeviceCodes are refused, whatever is wrong with them, and are worth nothing to other clients.
func TestBadDeviceCodes(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d := w.device("tv")
	w.visitor().approve(d, "alice")
	code := d.answer.text("device_code")
	for _, bad := range []string{"x", "lp_dc_", "lp_ac_" + code[6:], code[:len(code)-1], code + "A", code + "\n"} {
		a := d.poll("device_code", bad)
		require.Equal(t, http.StatusBadRequest, a.status, bad)
		require.Contains(t, []string{"invalid_grant", "invalid_request"}, a.text("error"))
	}
	requireError(t, d.poll("device_code", ""), http.StatusBadRequest, "invalid_request")
	other := w.device("tv").answer.text("device_code")
	requireError(t, d.poll("device_code", code[:14]+other[14:]), http.StatusBadRequest, "expired_token")
	requireError(t, device{w, "box", d.answer}.poll(), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, d.poll())
}

// TestDevicesWithoutTheStore: nothing is approved or redeemed, and what was forgotten has expired.
func TestDevicesWithoutTheStore(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d, v := w.device("tv"), w.visitor()
	p := v.approval(d, "alice")
	w.volatile.broken.Store(true)
	requireError(t, w.ask("box"), http.StatusServiceUnavailable, "temporarily_unavailable")
	requireError(t, d.poll(), http.StatusServiceUnavailable, "temporarily_unavailable")
	require.Equal(t, http.StatusServiceUnavailable, v.submit(p, "decision", "allow").status)
	w.volatile.broken.Store(false)
	require.Contains(t, v.submit(p, "decision", "allow").body, "设备已连接")
	requireTokens(t, d.poll())
}

// TestForeignApprovals: other sites and other users decide nothing, and no other page does.
func TestForeignApprovals(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d, v := w.device("box", "scope", "openid"), w.visitor()
	p := v.approval(d, "alice")
	session := hiddenName.FindStringSubmatch(p.body)[2]
	allow := url.Values{"session": {session}, "decision": {"allow"}}
	foreign := http.Header{"Origin": {"https://evil.example"}, "Sec-Fetch-Site": {"cross-site"}}
	require.Equal(t, http.StatusForbidden, v.do(http.MethodPost, d.complete(), allow, foreign).status)
	entered := url.Values{"user_code": {d.answer.text("user_code")}}
	require.Equal(t, http.StatusForbidden, v.do(http.MethodPost, "/device", entered, foreign).status)
	bob := w.visitor()
	require.Contains(t, bob.do(http.MethodPost, d.complete(), allow, nil).body, "Cookie", "no cookie")
	bob.approval(d, "bob")
	require.Contains(t, bob.do(http.MethodPost, d.complete(), allow, nil).body, "页面已过期", "bob is not alice")
	page := v.do(http.MethodPost, "/consent?to=device&user_code="+d.answer.text("user_code"), allow, nil)
	require.Contains(t, page.header.Get("Location"), "/device?user_code=")
	d.requirePoll("authorization_pending")
	require.Equal(t, http.StatusNotFound, v.open("/sign-in?to=elsewhere&user_code=x").status)
}

var otherAccount = regexp.MustCompile(`id="other-account" href="([^"]*)"`)

// TestAnotherAccountForADevice: who is signed in need not be who approves.
func TestAnotherAccountForADevice(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	d, v := w.device("tv"), w.visitor()
	p := v.approval(d, "alice")
	other := otherAccount.FindStringSubmatch(p.body)
	require.NotNil(t, other, p.body)
	p = v.enter(v.open(html.UnescapeString(other[1])), "bob")
	require.Contains(t, p.body, "<bdi>bob</bdi>")
	d2 := w.device("tv")
	chooser := v.follow(v.open(d2.complete()))
	p2 := v.follow(v.choose(chooser, "alice"))
	require.Contains(t, p2.body, "<bdi>alice</bdi>")
	v.submit(p, "decision", "allow")
	v.submit(p2, "decision", "allow")
	require.Equal(t, w.user("bob").ID, claimsOf(t, d.poll().text("id_token"))["sub"])
	require.Equal(t, w.user("alice").ID, claimsOf(t, d2.poll().text("id_token"))["sub"])
}

// TestFloodsOfDeviceRequests: nobody can fill the store in the name of a public client.
func TestFloodsOfDeviceRequests(t *testing.T) {
	t.Parallel()
	w := newDevices(t)
	requireLimited(t, 300, func() answer { return w.ask("tv") })
	w.device("box")
}
