package migrate_test

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// oldCasdoor is a Casdoor to migrate from: it publishes its keys, and signed the old tokens.
type oldCasdoor struct {
	url         string
	key         string // in PEM
	certificate string // in PEM, which Casdoor publishes
}

const (
	casdoorUser        = "5b0e3f0c-1d7a-4d0e-9a51-0c6f8f6c2b11"
	casdoorApplication = "a-casdoor-application"
)

func newOldCasdoor(t *testing.T) oldCasdoor {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)},
		&x509.Certificate{}, key.Public(), key)
	require.NoError(t, err)
	public := func(kid, algorithm string) map[string]string {
		return map[string]string{"kty": "RSA", "use": "sig", "alg": algorithm, "kid": kid,
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}
	}
	keySet, err := json.Marshal(map[string]any{"keys": []any{public("cert-built-in", "RS256"),
		public("cert-new", "RS512")}})
	require.NoError(t, err)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write(keySet)
	}))
	t.Cleanup(server.Close)
	encode := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return oldCasdoor{server.URL, encode("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(key)),
		encode("CERTIFICATE", der)}
}

// signed returns a valid token of Casdoor with claims changed, or removed if the value is nil.
func (c oldCasdoor) signed(changed ...any) oldClaims {
	claims := map[string]any{"iss": c.url, "sub": casdoorUser, "aud": []string{casdoorApplication},
		"tokenType": "access-token", "scope": "api",
		"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	for n := 0; n < len(changed); n += 2 {
		claims[changed[n].(string)] = changed[n+1]
		if changed[n+1] == nil {
			delete(claims, changed[n].(string))
		}
	}
	return oldClaims{Claims: claims, Key: c.key, Algorithm: "RS256", KeyID: "cert-built-in"}
}

// tokens returns a valid token, by the name "good", and tokens that an API must reject.
func (c oldCasdoor) tokens(m *migration) map[string]oldClaims {
	good := c.signed()
	wanted := m.thieves(good, casdoorUser)
	wanted["good"] = good
	wanted["a refresh token"] = c.signed("tokenType", "refresh-token")
	wanted["an application's own"] = c.signed("sub", "admin/"+casdoorApplication)
	wanted["of another application"] = c.signed("aud", []string{"another"})
	wanted["of another Casdoor"] = c.signed("iss", "https://door.example.com")
	wanted["of Lingpai, by Casdoor's key"] = c.signed("iss", m.Issuer, "aud", harness.Audience, "sid", "s")
	wanted["expired"] = c.signed("exp", time.Now().Add(-time.Hour).Unix())
	wanted["without exp"] = c.signed("exp", nil)
	wanted["HS256 with Casdoor's certificate"] = oldClaims{Claims: good.Claims, Key: c.certificate,
		Algorithm: "HS256", KeyID: "cert-built-in"}
	wanted["another algorithm, by a key of Casdoor"] = oldClaims{Claims: good.Claims, Key: c.key,
		Algorithm: "RS512", KeyID: "cert-new"}
	return wanted
}

// casdoorTables is formatted with the user's id, a hash, the user's openid twice, the unionid, the properties of a
// user of a website, and the hash again.
const casdoorTables = `
	create table organization (owner varchar(100), name varchar(100), password_type varchar(100),
		password_salt varchar(100));
	create table "user" (owner varchar(100), name varchar(255), created_time varchar(100), id varchar(100),
		password varchar(100), password_salt varchar(100), password_type varchar(100),
		display_name varchar(255), avatar varchar(500), email varchar(255), phone varchar(20),
		country_code varchar(6), is_forbidden boolean, is_deleted boolean, wechat varchar(100),
		properties text, hash varchar(100), pre_hash varchar(100) default 'of the row');
	insert into organization values ('admin', 'shop', 'bcrypt', ''), ('admin', 'other', 'plain', '');
	insert into "user" values
		('shop', 'anna', '2022-08-07T12:00:00+08:00', '%s', '%s', '', '', 'Anna', 'https://example.com/anna.png',
			'anna@example.com', '13800000000', 'CN', false, false, '', '{}'),
		('shop', 'wechat-o1', '2022-08-08T12:00:00+08:00', 'id-2', '', '', '', '', '', '', '', '', false, false,
			'%s', '{"wechatOpenId": "%s", "wechatUnionId": "%s"}'),
		('shop', '小红 网站', '2022-08-09T12:00:00+08:00', 'id-3', '', '', '', '小红', '', '', '', '', false,
			false, 'unused', '%s'),
		('shop', 'salted', '2022-08-10T12:00:00+08:00', 'id-4', '5e884898da28', '', 'salt', '', '', '', '', '',
			false, false, '', 'null'),
		('shop', 'gone', '2022-08-10T12:00:00+08:00', 'id-5', '', '', '', '', '', '', '', '', false, true,
			'', ''),
		('shop', 'forbidden', '2022-08-10T12:00:00+08:00', 'id-7', '', '', '', '微信用户', '', '', '', '', true,
			false, '', ''),
		('other', 'anna', '2022-08-10T12:00:00+08:00', 'id-6', 'plain', '', '', '', '', '', '', '', false, false,
			'', '');
	update "user" set hash = 'of the row';
	-- all else is null
	insert into "user" (owner, name, id, password, phone) values ('shop', 'nulls', 'id-8', '%s', '13900000000')`

func (m *migration) casdoor(t *testing.T) {
	old := newOldCasdoor(t)
	tokens, hashes := m.mint(t, old.tokens(m), "an old password")

	const website = "wx00000000000000ab"
	openid, union := wechattest.OpenID(m.MiniProgram.AppID, "migrate-casdoor"),
		wechattest.UnionID("migrate", "migrate-casdoor")
	extra, _ := json.Marshal(map[string]string{"wechat_openid_" + website: wechattest.OpenID(website, "migrate-web")})
	web, _ := json.Marshal(map[string]string{"oauth_WeChat_id": wechattest.UnionID("migrate", "migrate-web"),
		"oauth_WeChat_extra": string(extra)})
	database := dbtest.PostgreSQL(t)
	runSQL(t, database, fmt.Sprintf(casdoorTables,
		casdoorUser, hashes[0], openid, openid, union, strings.ReplaceAll(string(web), "'", "''"), hashes[0]))
	m.bind(t, "migrate", website)
	file := runSQL(t, database, "", "-At", "-v", "owner=shop", "-v", "app="+m.MiniProgram.AppID,
		"-v", "web_app="+website,
		"-f", harness.Path("docs/examples/migrate/casdoor/export.sql"))
	for _, kept := range []string{"5e884898da28", "of the row", "微信用户"} {
		require.NotContains(t, file, kept)
	}
	require.Equal(t, 1, strings.Count(file, `"disabled": true`))
	require.Contains(t, file, `"13900000000"`)
	m.imports(t, "users.jsonl", file, 6, 0)

	fresh := m.byPassword(t, "anna", "an old password")
	require.Equal(t, casdoorUser, subjectOf(t, fresh))
	require.Equal(t, "id-2", subjectOf(t, m.byWechat(t, "migrate-casdoor", m.MiniProgram.ClientID)))
	require.Equal(t, "id-3", subjectOf(t, m.byWechat(t, "migrate-web", m.MiniProgram.ClientID)),
		"known only at the website, and by unionid at the mini-program")
	require.Equal(t, "id-8", subjectOf(t, m.byPassword(t, "nulls", "an old password")),
		"null columns do not exclude a user")
	m.refused(t, "salted", "password", "an unsupported hash is not imported")
	m.dualRun(t, "casdoor", tokensShown{casdoorUser, fresh, m.forged(t, "migrate-casdoor", tokens)},
		oldToken{"Authorization", "Bearer ", tokens["good"]},
		"CASDOOR="+old.url, "CASDOOR_CLIENT_ID="+casdoorApplication)
}
