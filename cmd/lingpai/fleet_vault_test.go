package main

import (
	"crypto/sha1"
	"encoding/base64"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// dataUser is a user of a client that may have data decrypted by the two replicas of a fleet.
type dataUser struct {
	f                        *fleet
	name, secret             string
	code, access, refreshing string // of the last sign-in
}

func newDataUser(t *testing.T, f *fleet, name string) *dataUser {
	t.Helper()
	return &dataUser{f: f, name: name, secret: secretIn(t, f.ok("clients", "create", "data", "--grant",
		"wechat_code", "--grant", "refresh_token",
		"--app", appID, "--audience", audience, "--scope", "wechat.data"))}
}

// signIn signs the user in at one replica.
func (u *dataUser) signIn(t *testing.T, r *replica) {
	t.Helper()
	u.code = u.f.code(u.name)
	a, err := r.token("the-key-of-sign-in-"+u.code, "client_id", "data", "client_secret", u.secret, "grant_type",
		"wechat_code", "code", u.code,
		"scope", "wechat.data")
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, a.members.Error)
	u.access, u.refreshing = a.members.AccessToken, a.members.RefreshToken
}

// refresh refreshes the session at one replica.
func (u *dataUser) refresh(t *testing.T, r *replica) {
	t.Helper()
	a, err := r.token("", "client_id", "data", "client_secret", u.secret, "grant_type", "refresh_token",
		"refresh_token", u.refreshing)
	require.NoError(t, err)
	require.Equal(t, http.StatusOK, a.status, a.members.Error)
	u.access, u.refreshing = a.members.AccessToken, a.members.RefreshToken
}

// phone returns data that is encrypted with the user's current session key, as the mini-program gets it.
func (u *dataUser) phone(t *testing.T) wechattest.Encrypted {
	t.Helper()
	sealed, err := u.f.simulator.Encrypt(wechattest.Plaintext{AppID: appID, User: u.name, Kind: "phone"})
	require.NoError(t, err)
	return sealed
}

// decrypt has data decrypted by one replica.
func (u *dataUser) decrypt(t *testing.T, r *replica, sealed wechattest.Encrypted) reply {
	t.Helper()
	form := url.Values{"kind": {"phone"}, "encryptedData": {sealed.EncryptedData}, "iv": {sealed.IV}}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost,
		"http://"+r.addr+"/wechat/data/decrypt", strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Authorization", "Bearer "+u.access)
	return ask(t, request)
}

// sessionKey returns the key with which WeChat encrypts for the user now: another login, which the replicas do not know
// about, returns the same one.
func (u *dataUser) sessionKey(t *testing.T) string {
	t.Helper()
	query := url.Values{"appid": {appID}, "secret": {simSecret}, "js_code": {u.f.code(u.name)},
		"grant_type": {"authorization_code"}}
	key := get(t, u.f.variable("LINGPAI_WECHAT_BASE_URL")+"/sns/jscode2session?"+query.Encode()).text("session_key")
	require.Len(t, key, 24)
	sealed := u.phone(t)
	digest := sha1.Sum([]byte(sealed.RawData + key))
	require.Equal(t, sealed.Signature, hex.EncodeToString(digest[:]), "it is the present one")
	return key
}

// redisContent returns all names and values in a Redis.
func redisContent(t *testing.T, client *goredis.Client) string {
	t.Helper()
	var all strings.Builder
	for keys := client.Scan(t.Context(), 0, "*", 1000).Iterator(); ; {
		if !keys.Next(t.Context()) {
			require.NoError(t, keys.Err())
			return all.String()
		}
		value, err := client.Get(t.Context(), keys.Val()).Result()
		require.NoError(t, err, "all values are texts")
		all.WriteString(keys.Val() + "\n" + value + "\n")
	}
}

// TestReplicasShareSessionKeys: the key of a sign-in at one replica decrypts data at the other, and Redis shows neither
// the key nor its user. If Redis loses its data, users must sign in again before data is decrypted, but keep their
// session.
func TestReplicasShareSessionKeys(t *testing.T) {
	t.Parallel()
	f, _, server := onOwnServers(t)
	first, second := f.replicas[0], f.replicas[1]
	options, err := goredis.ParseURL(server.URL())
	require.NoError(t, err)
	client := goredis.NewClient(options)
	defer client.Close()
	alice := newDataUser(t, f, "alice")

	alice.signIn(t, first)
	tapped := alice.phone(t)
	for _, r := range []*replica{second, first} {
		opened := alice.decrypt(t, r, tapped)
		require.Equal(t, http.StatusOK, opened.status, "%v", opened.members)
		require.Equal(t, true, opened.members["phone_number_verified"])
	}
	damaged := tapped
	damaged.IV = base64.StdEncoding.EncodeToString(make([]byte, 16))
	require.Equal(t, "invalid_data", alice.decrypt(t, second, damaged).text("error"),
		"so that a failure is counted too")

	key := alice.sessionKey(t)
	raw, err := base64.StdEncoding.DecodeString(key)
	require.NoError(t, err)
	openID := wechattest.OpenID(appID, "alice")
	content := redisContent(t, client)
	require.Contains(t, content, "wechat/vault/", "it was looked for where it is")
	for _, secret := range []string{
		key, strings.TrimRight(key, "="), url.QueryEscape(key), string(raw), hex.EncodeToString(raw),
		base64.RawURLEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString([]byte(key)), openID,
		base64.StdEncoding.EncodeToString([]byte(openID)),
		hex.EncodeToString([]byte(openID)), alice.code, alice.access, alice.refreshing, simSecret,
	} {
		require.False(t, strings.Contains(content, secret), "a secret is in Redis")
	}

	require.NoError(t, client.FlushAll(t.Context()).Err())
	for _, r := range []*replica{first, second} {
		refused := alice.decrypt(t, r, tapped)
		require.Equal(t, http.StatusBadRequest, refused.status)
		require.Equal(t, "login_required", refused.text("error"))
		alice.refresh(t, r)
	}
	alice.signIn(t, second)
	opened := alice.decrypt(t, first, alice.phone(t))
	require.Equal(t, http.StatusOK, opened.status, "%v", opened.members)
}
