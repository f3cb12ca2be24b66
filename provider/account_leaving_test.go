package provider_test

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// TestTheExportOfAnAccountHasAllAndNoSecret: it must not contain the password's hash, sessions' secrets or WeChat's
// session key.
func TestTheExportOfAnAccountHasAllAndNoSecret(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	w := newAccountEnv(t)
	require.NoError(t, w.simulator.Bind(testApp, testOpenPlatform))
	a := w.at(testApp, "ada")
	sub := w.subOf(a.text("access_token"))
	key := w.exchange(testApp, "ada") // the one of the sign-in, which WeChat returns again for a while
	requireNoContent(t, w.account("PUT /password", a.text("access_token"),
		w.proofBy(testApp, "ada").with("username", "ada", "password", newPassword)))
	w.knowAll(sub)
	require.NoError(t, w.database.Entitlements().GrantRole(ctx, sub, "teller"))
	require.NoError(t, w.database.Entitlements().SetClaims(ctx, sub, `{"branch":"7"}`))
	a = w.token(ownPassword("ada", newPassword).with(":User-Agent", "a phone"))
	second := w.at(testApp, "ada")
	export := w.account("POST /export", a.text("access_token"), form{"current_password": newPassword})
	requireAccount(t, export)
	data := export.members
	require.Equal(t, []any{sub, "ada", true}, []any{data["sub"], data["username"], data["has_password"]})
	require.Equal(t, []any{"teller"}, data["roles"])
	require.Equal(t, map[string]any{"branch": "7"}, data["claims"])
	require.Equal(t, "+8613812345678", data["phone"].(map[string]any)["number"])
	require.Equal(t, "alice@example.com", data["profile"].(map[string]any)["email"])
	accounts := data["accounts"].([]any)
	require.Len(t, accounts, 1)
	require.Equal(t, wechattest.OpenID(testApp, "ada"), accounts[0].(map[string]any)["openid"])
	require.Equal(t, wechattest.UnionID(testOpenPlatform, "ada"), accounts[0].(map[string]any)["unionid"])
	require.Len(t, data["sessions"], 2)

	user, err := w.database.Users().Find(ctx, sub)
	require.NoError(t, err)
	secrets := []string{key, user.PasswordHash, strings.Split(user.PasswordHash,
		"$")[len(strings.Split(user.PasswordHash, "$"))-1], "argon2", newPassword, "lp_rt_"}
	for _, signedIn := range []answer{a, second} {
		token := strings.TrimPrefix(signedIn.text("refresh_token"), "lp_rt_")
		session, _, err := w.database.Sessions().Find(ctx, claimsOf(t, signedIn.text("access_token"))["sid"].(string))
		require.NoError(t, err)
		secrets = append(secrets, token, signedIn.text("access_token"), hex.EncodeToString(session.SecretHash[:]),
			base64.StdEncoding.EncodeToString(session.SecretHash[:]),
			base64.RawURLEncoding.EncodeToString(session.SecretHash[:]))
	}
	for _, secret := range secrets {
		require.Greater(t, len(secret), 5)
		require.NotContains(t, export.body, secret)
	}
	require.Equal(t, identity.EventExported, w.eventKinds(t)[0])
	w.requireNotLogged(t, append(secrets, "+8613812345678", "alice@example.com")...)
}

// TestRequestingAndCancellingTheDeletionOfAnAccount requests the deletion of an account and restores it.
func TestRequestingAndCancellingTheDeletionOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.registered("ada", testPassword)
	sub := w.subOf(a.text("access_token"))
	requireNoContent(t, w.account("POST /links", a.text("access_token"), form{"current_password": testPassword,
		"appid": testApp, "code": w.code("ada")}))
	leave := w.account("POST /deletion", a.text("access_token"), form{"current_password": testPassword})
	requireAccount(t, leave)
	at, err := time.Parse(time.RFC3339, leave.text("deletes_at"))
	require.NoError(t, err)
	require.WithinDuration(t, w.clock.Now().Add(14*24*time.Hour), at, time.Minute)
	w.requireOver(t, a)
	requireError(t, w.token(ownPassword("ada", testPassword)), http.StatusBadRequest, "invalid_grant")
	requireError(t, w.token(ownPassword("ada", testPassword).with("restore_account", "yes")), http.StatusBadRequest,
		"invalid_grant")
	requireError(t, w.token(ownPassword("ada", newPassword).with("restore_account", "true")), http.StatusBadRequest,
		"invalid_grant")
	back := w.token(ownPassword("ada", testPassword).with("restore_account", "true"))
	requireTokens(t, back)
	require.Equal(t, sub, w.subOf(back.text("access_token")))
	w.requireOver(t, a)

	requireAccount(t, w.account("POST /deletion", back.text("access_token"), w.proofBy(testApp, "ada")))
	w.clock.Move(15 * 24 * time.Hour)
	_, err = w.database.Deletions().PurgeDeleted(context.Background(), 10)
	require.NoError(t, err)
	requireError(t, w.token(ownPassword("ada", testPassword).with("restore_account", "true")),
		http.StatusBadRequest, "invalid_grant")
	require.NotEqual(t, sub, w.subOf(w.at(testApp, "ada").text("access_token")))
}

// TestSessionsOfAnAccount are listed, and ended one by one or all except the current one.
func TestSessionsOfAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a := w.at(testApp, "ada")
	var others []answer
	for range 3 {
		others = append(others, w.at(testApp, "ada"))
	}
	bystander := w.at(testApp, "bob")
	list := func() map[any]map[string]any {
		listed := w.account("GET /sessions", a.text("access_token"), nil)
		requireAccount(t, listed)
		found := map[any]map[string]any{}
		for _, session := range listed.members["sessions"].([]any) {
			found[session.(map[string]any)["id"]] = session.(map[string]any)
		}
		return found
	}
	sid := func(a answer) string { return claimsOf(t, a.text("access_token"))["sid"].(string) }
	require.Len(t, list(), 4)
	require.Equal(t, true, list()[sid(a)]["current"])
	require.Equal(t, false, list()[sid(others[0])]["current"])
	require.Equal(t, "wechat", list()[sid(a)]["method"])
	require.Equal(t, "own", list()[sid(a)]["client_id"])

	requireNoContent(t, w.account("DELETE /sessions/"+sid(others[0]), a.text("access_token"), nil))
	w.requireOver(t, others[0])
	requireError(t, w.account("DELETE /sessions/"+sid(others[0]), a.text("access_token"), nil), http.StatusNotFound,
		"unknown_session")
	require.Len(t, list(), 3)
	ended := w.account("DELETE /sessions", a.text("access_token"), nil)
	requireAccount(t, ended)
	require.Equal(t, 2.0, ended.members["ended"])
	w.requireOver(t, others[1:]...)
	w.requireAlive(t, a, bystander)
	requireNoContent(t, w.account("DELETE /sessions/"+sid(a), a.text("access_token"), nil))
	w.requireOver(t, a)
}

// TestSessionsOfOtherPeopleAreNotFoundByAnAccount, and a malformed id ends nothing.
func TestSessionsOfOtherPeopleAreNotFoundByAnAccount(t *testing.T) {
	t.Parallel()
	w := newAccountEnv(t)
	a, bob := w.at(testApp, "ada"), w.at(testApp, "bob")
	ids := append(hostileTexts(), claimsOf(t, bob.text("access_token"))["sid"].(string),
		"00000000-0000-0000-0000-000000000000", "\x00", "\xff", "%", "a/b",
		strings.ToUpper(claimsOf(t, a.text("access_token"))["sid"].(string)),
		claimsOf(t, a.text("access_token"))["sid"].(string)+" ")
	for _, id := range ids {
		if strings.Contains(id, "长") {
			id = id[:3000] // longer ones exceed the limit of headers
		}
		refused := w.account("DELETE /sessions/"+url.PathEscape(id), a.text("access_token"), nil)
		requireError(t, refused, http.StatusNotFound, "unknown_session")
		require.NotContains(t, refused.body, id)
	}
	w.requireAlive(t, a, bob)
	listed := w.account("GET /sessions", a.text("access_token"), nil)
	require.NotContains(t, listed.body, claimsOf(t, bob.text("access_token"))["sid"])
}

// requireNotLogged requires that the log contains none of the secrets.
func (w *installation) requireNotLogged(t testing.TB, secrets ...string) {
	t.Helper()
	require.NotEmpty(t, w.log.String())
	for _, secret := range secrets {
		require.NotEmpty(t, secret)
		require.NotContains(t, w.log.String(), secret)
	}
}
