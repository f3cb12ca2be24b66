package provider_test

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// remembering is a volatile store that keeps a copy of every value that was stored.
type remembering struct {
	identity.Volatile
	kept *lockedBuffer
}

func (r remembering) Put(ctx context.Context, key string, value []byte, ttl time.Duration) error {
	fmt.Fprintf(r.kept, "%s\n%s\n", key, value)
	return r.Volatile.Put(ctx, key, value, ttl)
}

func (r remembering) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	fmt.Fprintf(r.kept, "%s\n%s\n", key, value)
	return r.Volatile.PutIfAbsent(ctx, key, value, ttl)
}

func (r remembering) AllowAll(ctx context.Context, group string, rates ...identity.Rate) (time.Duration, int, error) {
	fmt.Fprintf(r.kept, "%s\n%v\n", group, rates)
	return r.Volatile.AllowAll(ctx, group, rates...)
}

// TestNoSessionKeyLeavesTheServer runs every flow, and requires that no answer, log or store contains a secret that
// was used.
func TestNoSessionKeyLeavesTheServer(t *testing.T) {
	t.Parallel()
	w := newEnv(t)
	kept := &lockedBuffer{}
	w.volatile.Volatile = remembering{w.volatile.Volatile, kept}
	answers := &lockedBuffer{}
	var secrets []string
	say := func(a answer) answer {
		fmt.Fprintln(answers, a.status, a.header, a.body)
		return a
	}
	signIn := func(scope string) answer {
		code := w.code("alice")
		a := say(w.token(w.wechatCode("alice").with("code", code, "client_id", "web", "scope", scope,
			"resource", w.issuer, ":Idempotency-Key", testKey+code)))
		requireTokens(t, a)
		say(w.token(form{"grant_type": "wechat_code", "client_id": "web", "code": code})) // used up
		secrets = append(secrets, code)
		return a
	}
	signedIn := signIn("openid profile wechat.data")
	first := w.exchange(testApp, "alice") // WeChat returns the same one for a while
	token := signedIn.text("access_token")
	sub := w.subOf(token)
	say(w.data(resetPath, token, nil))
	second := w.exchange(testApp, "alice")
	require.NotEqual(t, first, second)
	w.everyDataFlow(token, nil, say)
	w.everyDataFlow(w.backEndToken("service"), form{"user": sub}, say)
	secrets = append(secrets, w.everySignIn(say)...)
	say(w.userinfo(token))
	say(w.userinfo(say(w.token(refreshForm(signedIn.text("refresh_token")).with("client_id", "web"))).text(
		"access_token")))
	say(w.introspect(token))
	for range 12 {
		// the keys themselves as data
		say(w.data(decryptPath, token, form{"kind": "phone", "encryptedData": first, "iv": second}))
		say(w.data(verifyPath, token, form{"rawData": first, "signature": second}))
	}
	signIn("wechat.data")
	w.volatile.broken.Store(true)
	signIn("wechat.data")
	w.everyDataFlow(token, nil, say)
	w.volatile.broken.Store(false)

	for _, key := range []string{first, second, w.exchange(testApp, "alice")} {
		raw, err := base64.StdEncoding.DecodeString(key)
		require.NoError(t, err)
		secrets = append(secrets, key, string(raw), hex.EncodeToString(raw), strings.TrimRight(key, "="),
			url.QueryEscape(key),
			base64.RawURLEncoding.EncodeToString(raw), base64.StdEncoding.EncodeToString([]byte(key)),
			fmt.Sprint(raw), signatureOfNothing(key))
	}
	secrets = append(secrets, "simulator-"+testApp, `"session_key":`)
	stored := storedBytes(t)
	for name, output := range map[string]string{"answers": answers.String(), "log": w.log.String(),
		"volatile store": kept.String(), "database": stored} {
		require.NotEmpty(t, output)
		for _, secret := range secrets {
			require.False(t, strings.Contains(output, secret), "a secret is in the %s", name)
		}
	}
	require.Contains(t, kept.String(), "wechat/vault/", "the store was really searched")
}

// everySignIn signs in with all optional data, valid and invalid, and returns the secrets in it.
func (w *env) everySignIn(say func(answer) answer) (secrets []string) {
	w.t.Helper()
	require.NoError(w.t, w.database.Apps().SetPhoneBudget(context.Background(), identity.PlatformWechat, testApp, -1))
	extras := func(kind, phoneCode string) answer {
		code := w.code("alice")
		f := w.wechatCode("alice").with("code", code, "client_id", "web", "scope", "openid profile phone",
			"resource", w.issuer, "phone_code", phoneCode)
		f = f.with(w.tapped(wechattest.Plaintext{User: "alice", Kind: kind})...).with("encrypted_data_kind",
			map[string]string{"phone": "phone"}[kind])
		secrets = append(secrets, code, f["encrypted_data"])
		return say(w.token(f))
	}
	good := w.phoneCode("alice")
	requireTokens(w.t, extras("user", good))
	a := extras("phone", "made-up-phone-code")
	requireTokens(w.t, a)
	bound := w.phoneCode("alice")
	say(w.data("/wechat/phone", a.text("access_token"), form{"code": bound}))
	say(w.data("/wechat/phone", a.text("access_token"), form{"code": bound})) // used up
	w.addApp(websiteApp, identity.KindWebsite)
	code := w.oauthCode(wechattest.OAuthCode{AppID: websiteApp, User: "alice", Scope: "snsapi_login"})
	requireTokens(w.t, say(w.token(backendCode(websiteApp, code).with("scope", "openid profile"))))
	say(w.token(backendCode(websiteApp, code)))
	return append(secrets, good, bound, "made-up-phone-code", code, "simulator-"+websiteApp)
}

// everyDataFlow makes all calls, with valid and invalid data.
func (w *env) everyDataFlow(token string, who form, say func(answer) answer) {
	w.t.Helper()
	data := func(path string, f form) {
		for name, value := range who {
			f = f.with(name, value)
		}
		say(w.data(path, token, f))
	}
	for kind, of := range map[string]string{"user_info": "user", "phone": "phone", "share": "share", "run": "steps"} {
		f := w.encrypted(kind, wechattest.Plaintext{User: "alice", Kind: of})
		data(decryptPath, f)
		data(decryptPath, f.with("kind", "group"))
	}
	data(verifyPath, w.signed("alice"))
	data(verifyPath, w.signed("alice").with("signature", "x"))
	data(checkPath, form{})
	for _, fault := range []wechattest.Fault{{}, {Body: "html"}, {Drop: true}, {Errcode: 40001}, {Errcode: 87009},
		{Errcode: 45011}, {Body: "truncated"}} {
		if fault != (wechattest.Fault{}) {
			fault.Path = "/wxa/resetusersessionkey"
			require.NoError(w.t, w.simulator.Fail(fault))
		}
		data(resetPath, form{})
		w.clock.Move(10 * time.Second) // so that the rate limit of the account recovers
	}
	data(checkPath, form{})
	require.Equal(w.t, http.StatusOK, w.get("/healthz", nil).status)
}

// signatureOfNothing is the signature that checkSessionKey sends. It works like a password there, so it is a secret
// too.
func signatureOfNothing(key string) string {
	return hex.EncodeToString(hmac.New(sha256.New, []byte(key)).Sum(nil))
}

// storedBytes returns the content of the test's databases on disk.
func storedBytes(t *testing.T) string {
	t.Helper()
	if *onPostgreSQL {
		return "none on disk"
	}
	var all strings.Builder
	require.NoError(t, filepath.WalkDir(filepath.Dir(t.TempDir()), func(path string, entry fs.DirEntry,
		err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := os.ReadFile(path)
		all.Write(content)
		return err
	}))
	return all.String()
}
