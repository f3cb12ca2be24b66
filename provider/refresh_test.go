package provider_test

import (
	"context"
	"encoding/base64"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/tokens"
)

// requireEnded requires that no token of these sessions is accepted.
func (w tokenCalls) requireEnded(t *testing.T, answers ...answer) {
	t.Helper()
	for _, a := range answers {
		requireError(t, w.token(refreshForm(a.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
		requireError(t, w.userinfo(a.text("access_token")), http.StatusUnauthorized, "invalid_token")
	}
}

func (w tokenCalls) userinfo(access string) answer {
	return w.get("/userinfo", http.Header{"Authorization": {"Bearer " + access}})
}

// eventKinds returns the events of the audit log since the seed, the newest first.
func (w records) eventKinds(t *testing.T) []string {
	t.Helper()
	events, err := w.database.Events().List(context.Background(), identity.EventsOf{}, 1000)
	require.NoError(t, err)
	var kinds []string
	for _, event := range events {
		subject, _, _ := strings.Cut(event.Kind, ".")
		if subject == "client" || subject == "app" || event.Kind == identity.EventUserCreated {
			continue // added by the tests themselves
		}
		kinds = append(kinds, strings.TrimSpace(event.Kind+" "+event.Detail))
	}
	return kinds[:len(kinds)-1] // the oldest is the seed's: it disabled a user
}

func TestRefreshRotates(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	current := w.signIn("alice", "scope", "openid api")
	sub := claimsOf(t, current.text("access_token"))["sub"]
	seen := map[string]bool{current.text("refresh_token"): true}
	for range 12 {
		next := w.token(refreshForm(current.text("refresh_token")))
		requireTokens(t, next)
		require.False(t, seen[next.text("refresh_token")], "every rotation issues a new token")
		require.Equal(t, sub, claimsOf(t, next.text("access_token"))["sub"])
		seen[next.text("refresh_token")] = true
		current = next
	}
}

// TestReuseAfterTheWindowEndsTheSession, for thief and owner alike (RFC 9700 §4.14.2), with an audit event.
func TestReuseAfterTheWindowEndsTheSession(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("alice", "scope", "openid api")
	second := w.token(refreshForm(first.text("refresh_token")))
	requireTokens(t, second)
	other := w.signIn("alice", "scope", "openid api")
	w.clock.Move(31 * time.Second)
	for range 2 {
		refused := w.token(refreshForm(first.text("refresh_token")))
		requireError(t, refused, http.StatusBadRequest, "invalid_grant")
		require.Equal(t, "ended", refused.members["session_state"])
	}
	elsewhere := w.token(refreshForm(first.text("refresh_token")).with("client_id", "mini-2"))
	requireError(t, elsewhere, http.StatusBadRequest, "invalid_grant")
	require.Equal(t, "unknown", elsewhere.members["session_state"], "another client must not learn that it has ended")
	w.requireEnded(t, first, second)
	require.Contains(t, strings.Join(w.eventKinds(t), "\n"), identity.EventSessionEnded)
	requireTokens(t, w.token(refreshForm(other.text("refresh_token"))))
	require.NotContains(t, w.log.String(), "lp_rt_")
}

// TestReuseWithinTheWindowForksNothing: all requests get the same token, and there is one session with one chain of
// tokens.
func TestReuseWithinTheWindowForksNothing(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("alice").text("refresh_token")
	successors := atOnce(30, func(int) string { return w.token(refreshForm(first)).text("refresh_token") })
	for _, successor := range successors {
		require.NotEmpty(t, successor)
		require.Equal(t, successors[0], successor)
	}
	requireTokens(t, w.token(refreshForm(successors[0])))
}

func TestStrictPolicyTakesEveryReuseForTheft(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.rotation = tokens.RotationPolicy{} })
	first := w.signIn("alice", "scope", "openid api")
	second := w.token(refreshForm(first.text("refresh_token")))
	requireTokens(t, second)
	requireError(t, w.token(refreshForm(first.text("refresh_token"))), http.StatusBadRequest, "invalid_grant")
	w.requireEnded(t, second)
}

// TestRefreshOfAnotherClientsToken is rejected and ends nothing, for public and confidential clients (RFC 6749 §6).
func TestRefreshOfAnotherClientsToken(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	public := w.signIn("alice").text("refresh_token")
	confidential := w.signIn("alice", "client_id", "backend", "client_secret", testSecret, "appid",
		testApp).text("refresh_token")
	for range 3 {
		requireError(t, w.token(refreshForm(public).with("client_id", "mini-2")), http.StatusBadRequest,
			"invalid_grant")
		requireError(t, w.token(refreshForm(public).with("client_id", "backend", "client_secret", testSecret)),
			http.StatusBadRequest, "invalid_grant")
		requireError(t, w.token(refreshForm(confidential)), http.StatusBadRequest, "invalid_grant")
	}
	next := w.token(refreshForm(public))
	requireTokens(t, next)
	w.clock.Move(time.Hour)
	requireError(t, w.token(refreshForm(public).with("client_id", "mini-2")), http.StatusBadRequest, "invalid_grant")
	requireTokens(t, w.token(refreshForm(next.text("refresh_token")))) // reuse by another client is not theft
	requireError(t, w.token(refreshForm(confidential).with("client_id", "backend")), http.StatusUnauthorized,
		"invalid_client")
	requireTokens(t, w.token(refreshForm(confidential).with("client_id", "backend", "client_secret", testSecret)))
}

// TestRefreshScope may be narrower for one access token, and never wider; the session keeps its own (RFC 6749 §6).
func TestRefreshScope(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	token := w.signIn("alice", "scope", "api openid").text("refresh_token")
	for _, wider := range []string{"api.write", "api api.write", "root", "offline_access", "api  root", `"`} {
		requireError(t, w.token(refreshForm(token).with("scope", wider)), http.StatusBadRequest, "invalid_scope")
	}
	narrow := w.token(refreshForm(token).with("scope", "api"))
	requireTokens(t, narrow)
	require.Equal(t, "api", claimsOf(t, narrow.text("access_token"))["scope"])
	requireError(t, w.userinfo(narrow.text("access_token")), http.StatusForbidden, "insufficient_scope")
	evil := refreshForm(narrow.text("refresh_token")).with("audience", "https://evil.example")
	requireError(t, w.token(evil.with("resource", "https://evil.example")), http.StatusBadRequest, "invalid_target")
	full := w.token(evil)
	requireTokens(t, full)
	require.Equal(t, "api openid", claimsOf(t, full.text("access_token"))["scope"])
	require.Equal(t, testAudience, claimsOf(t, full.text("access_token"))["aud"])
}

// TestInvalidRefreshTokens get the same answer: tokens of other kinds, and modified refresh tokens.
func TestInvalidRefreshTokens(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	elsewhere := newEnv(t)
	a := w.signIn("alice", "scope", "openid")
	good := a.text("refresh_token")
	want := withoutRequestID(w.token(refreshForm("x")))
	bad := map[string]string{
		"access token": a.text("access_token"), "ID token": a.text("id_token"), "code": w.code("alice"),
		"prefix": "lp_rt_",
		"cut":    good[:len(good)-1], "longer": good + "A", "padded": good + "=", "trailing space": good + " ",
		"no prefix":    strings.TrimPrefix(good, "lp_rt_"),
		"other prefix": strings.Replace(good, "lp_rt_", "LP_RT_", 1), "twice": good + good,
		"dots":                    strings.Repeat(".", 15_000),
		"of another installation": elsewhere.signIn("alice").text("refresh_token"),
	}
	// The seed is shared by all environments, and its keys with it, so the other installation's token has a good
	// MAC and an unknown session.
	content, err := base64.RawURLEncoding.DecodeString(strings.TrimPrefix(good, "lp_rt_"))
	require.NoError(t, err)
	for n := range content {
		flipped := append([]byte(nil), content...)
		flipped[n] ^= 1
		bad["bit flipped in byte "+string(rune('0'+n/10))+string(rune('0'+n%10))] = "lp_rt_" +
			base64.RawURLEncoding.EncodeToString(flipped)
	}
	for name, token := range bad {
		answer := w.token(refreshForm(token))
		requireError(t, answer, http.StatusBadRequest, "invalid_grant")
		require.Equal(t, want, withoutRequestID(answer), name)
	}
	requireTokens(t, w.token(refreshForm(good)))
	requireError(t, w.token(w.wechatCode("alice").with("code", good)), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(w.wechatCode("alice").with("code", a.text("access_token"))), http.StatusBadRequest,
		"invalid_request")
}

// TestSessionsEndInTime: by the idle and by the absolute limit (RFC 9700 §4.14.2). No access token outlives its
// session.
func TestSessionsEndInTime(t *testing.T) {
	t.Parallel()
	w := newEnv(t, func(s *settings) { s.idle, s.absolute = time.Hour, 150*time.Minute })
	idle := w.signIn("alice").text("refresh_token")
	current := w.signIn("alice").text("refresh_token")
	for range 4 { // 40 minutes each: active at 120 minutes by being used, ended at 160
		w.clock.Move(40 * time.Minute)
		a := w.token(refreshForm(current))
		if a.status == http.StatusOK {
			current = a.text("refresh_token")
			claims := claimsOf(t, a.text("access_token"))
			session, _, err := w.database.Sessions().Find(t.Context(), claims["sid"].(string))
			require.NoError(t, err)
			require.LessOrEqual(t, int64(claims["exp"].(float64)), session.ExpiresAt.Unix())
			continue
		}
		requireError(t, a, http.StatusBadRequest, "invalid_grant")
	}
	requireError(t, w.token(refreshForm(current)), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(refreshForm(idle)), http.StatusBadRequest, "invalid_grant")
	fresh := w.signIn("alice").text("refresh_token")
	w.clock.Move(59 * time.Minute)
	fresh = w.token(refreshForm(fresh)).text("refresh_token")
	w.clock.Move(61 * time.Minute)
	requireError(t, w.token(refreshForm(fresh)), http.StatusBadRequest, "invalid_grant")
}

// TestSessionsEndWithTheirUser: by disabling, by a new password, by the operator.
func TestSessionsEndWithTheirUser(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for name, end := range map[string]func(*env, string) error{
		"user disabled": func(w *env, user string) error { return w.database.Users().Disable(ctx, user) },
		"password set":  func(w *env, user string) error { return w.database.Users().SetPassword(ctx, user, "") },
		"revoked": func(w *env, user string) error {
			_, err := w.database.Sessions().EndAll(ctx, user, identity.EndedByOperator)
			return err
		},
		"disabled and enabled again": func(w *env, user string) error {
			if err := w.database.Users().Disable(ctx, user); err != nil {
				return err
			}
			return w.database.Users().Enable(ctx, user)
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := newEnv(t)
			a, bystander := w.signIn("alice", "scope", "openid api"), w.signIn("bob")
			require.NoError(t, end(w, claimsOf(t, a.text("access_token"))["sub"].(string)))
			w.requireEnded(t, a)
			requireTokens(t, w.token(refreshForm(bystander.text("refresh_token"))))
		})
	}
}

// TestRefreshRacingWithRevocation: when both have returned, no token is valid.
func TestRefreshRacingWithRevocation(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	for range 10 {
		a := w.signIn("alice", "scope", "openid")
		var group sync.WaitGroup
		var refreshed, revoked answer
		group.Go(func() { refreshed = w.token(refreshForm(a.text("refresh_token"))) })
		group.Go(func() { revoked = w.revoke(a.text("refresh_token")) })
		group.Wait()
		requireRevoked(t, revoked)
		w.requireEnded(t, a)
		if refreshed.status == http.StatusOK {
			w.requireEnded(t, refreshed)
		}
	}
}

// TestIdempotentRefresh: with its key a lost answer can be fetched at any later time; without it the reuse is treated
// as theft.
func TestIdempotentRefresh(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	first := w.signIn("alice").text("refresh_token")
	second := w.token(refreshForm(first).with(":Idempotency-Key", testKey)).text("refresh_token")
	w.clock.Move(24 * time.Hour)
	require.Equal(t, second, w.token(refreshForm(first).with(":Idempotency-Key", testKey)).text("refresh_token"))
	requireError(t, w.token(refreshForm(first)), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(refreshForm(second)), http.StatusBadRequest, "invalid_grant")
}
