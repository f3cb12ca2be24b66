package lingpai

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
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

// migrateSQL runs a script on a PostgreSQL database, as the pages say, and returns what it wrote.
func migrateSQL(t *testing.T, database, script string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), migrateTool(t, "psql"), append([]string{"-qX", "-v", "ON_ERROR_STOP=1",
		database}, args...)...)
	cmd.Stdin = strings.NewReader(script)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	require.NoError(t, err, "%s", log.String())
	return string(out)
}

func (m *migration) express(t *testing.T) {
	now := time.Now().Unix()
	claims := func(members map[string]any) map[string]any {
		members["userId"] = 1
		return members
	}
	const secret = "the old access secret"
	good := migrateToken{Claims: claims(map[string]any{"iat": now, "exp": now + 3600}), Key: secret, Algorithm: "HS256"}
	wanted := m.thieves(good, "1")
	wanted["good"] = good
	wanted["a refresh token, with equal secrets"] = migrateToken{Claims: claims(map[string]any{"iat": now,
		"exp": now + 7*86400}), Key: secret, Algorithm: "HS256"}
	wanted["expired"] = migrateToken{Claims: claims(map[string]any{"iat": now - 7200, "exp": now - 3600}),
		Key: secret, Algorithm: "HS256"}
	wanted["without an end"] = migrateToken{Claims: claims(map[string]any{"iat": now}), Key: secret, Algorithm: "HS256"}
	tokens, hashes := m.mint(t, wanted, "ada's old password", "secret") // the second is shorter than new ones may be

	database := dbtest.PostgreSQL(t)
	migrateSQL(t, database, fmt.Sprintf(`
		create table users (id serial primary key, username varchar(64) unique, email text, password_hash text, openid text, session_key text,
			nickname text, avatar text, refresh_token text, is_active boolean default true, created_at timestamptz not null default now());
		insert into users (username, email, password_hash, openid, session_key, nickname, avatar, refresh_token, is_active) values
			('Ada', 'ada@example.com', '%s', null, null, 'Ada, "A"', 'https://example.com/ada.png', 'a refresh token', true),
			('wx_user_oAbCdEfG', null, null, '%s', 'a session key', '小明', 'http://example.com/2.png', 'another', true),
			('bea', null, '5f4dcc3b5aa765d61d8327deb882cf99', null, null, null, null, null, true),
			('cat', null, '%s', null, null, null, null, null, false),
			('two words', null, '%s', null, null, null, null, null, true),
			('dan', null, '%s', '', null, '微信用户', null, null, null)`,
		hashes[0], wechattest.OpenID(m.MiniProgram.AppID, "migrate-express"), hashes[1], hashes[1], hashes[1]))
	file := migrateSQL(t, database, "", "-v", "app="+m.MiniProgram.AppID, "-f",
		"docs/examples/migrate/express/export.sql")
	for _, kept := range []string{"refresh", "session key", "5f4dcc3b", "微信用户"} {
		require.NotContains(t, file, kept)
	}
	require.Contains(t, m.imports(t, "users.csv", file, 5, 1), "refused,5,", "a name with a space")

	require.Equal(t, "1", migrateSubject(t, m.byPassword(t, "ada", "ada's old password")))
	m.refused(t, "bea", "password", "a hash that cannot be checked is none")
	require.Equal(t, "6", migrateSubject(t, m.byPassword(t, "dan", "secret")),
		"nobody has disabled him, and his openid is none")
	m.refused(t, "cat", "secret", "disabled before, disabled now")
	m.run(t, "users", "enable", "4")
	require.Equal(t, "4", migrateSubject(t, m.byPassword(t, "cat", "secret")))
	require.Equal(t, "2", migrateSubject(t, m.byWechat(t, "migrate-express", m.MiniProgram.ClientID)))

	fresh := m.byPassword(t, "ada", "ada's old password")
	forged := m.forged(t, "migrate-express", tokens)
	m.dualRun(t, "express", "1", fresh, migrateOld{"Authorization", "Bearer ", tokens["good"]},
		forged, "JWT_SECRET="+secret)
	a := m.api(t, "express", migrateOver, migrateOld{}, "JWT_SECRET="+secret)
	var answer struct{ Code string }
	require.Equal(t, http.StatusUnauthorized, migrateJSON(t, http.MethodPost, a.url+"/auth/refresh",
		"application/json", "{}", &answer))
	require.Equal(t, "SIGN_IN_AGAIN", answer.Code)
}

func (m *migration) hapi(t *testing.T) {
	now := time.Now().Unix()
	good := migrateToken{Claims: map[string]any{"userId": 41, "exp": now + 7*86400 - 60}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted := m.thieves(good, "41")
	wanted["good"] = good
	wanted["an end in milliseconds"] = migrateToken{Claims: map[string]any{"userId": 41,
		"exp": (now + 86400) * 1000}, Key: "the old secret", Algorithm: "HS256"}
	wanted["no integer"] = migrateToken{Claims: map[string]any{"userId": []string{"41"}, "exp": now + 86400},
		Key: "the old secret", Algorithm: "HS256"}
	wanted["expired"] = migrateToken{Claims: map[string]any{"userId": 41, "exp": now - 3600}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted["without an end"] = migrateToken{Claims: map[string]any{"userId": 41, "iat": now}, Key: "the old secret",
		Algorithm: "HS256"}
	tokens, _ := m.mint(t, wanted)

	database := dbtest.PostgreSQL(t)
	openid := wechattest.OpenID(m.MiniProgram.AppID, "migrate-hapi")
	migrateSQL(t, database, fmt.Sprintf(`
		create table users (id integer primary key, open_id varchar(64), session_key varchar(64), nick_name varchar(64), avatar_url varchar(255), gender integer,
			created_at timestamptz not null, updated_at timestamptz not null);
		insert into users values
			(41, '%s', 'a session key', '微信用户', 'https://example.com/grey.png', 0, '2019-07-01', '2019-07-01'),
			(42, '%s', 'a session key', 'twice', null, 2, '2019-07-01', '2019-07-01'), -- two first sign-ins at once
			(43, '', 'a session key', null, null, 0, '2019-07-02', '2019-07-02'),
			(44, 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M', 'a session key', 'Band', null, 1, '2019-07-02', '2019-07-02')`, openid, openid))
	file := migrateSQL(t, database, "", "-v", "app="+m.MiniProgram.AppID, "-f", "docs/examples/migrate/hapi/export.sql")
	require.NotContains(t, file, "session key")
	require.Contains(t, m.imports(t, "users.csv", file, 2, 1), "refused,42,",
		"of two with one openid the first is taken")

	fresh := m.byWechat(t, "migrate-hapi", m.MiniProgram.ClientID)
	require.Equal(t, "41", migrateSubject(t, fresh))
	m.dualRun(t, "hapi", "41", fresh, migrateOld{"Authorization", "", tokens["good"]}, m.forged(t, "migrate-hapi",
		tokens), "JWT_SECRET=the old secret")
}

func (m *migration) casdoor(t *testing.T) {
	const id, application = "5b0e3f0c-1d7a-4d0e-9a51-0c6f8f6c2b11", "a-casdoor-application"
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	der, err := x509.CreateCertificate(rand.Reader, &x509.Certificate{SerialNumber: big.NewInt(1)},
		&x509.Certificate{}, key.Public(), key)
	require.NoError(t, err)
	// which Casdoor shows to everybody
	certificate := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	public := func(kid, algorithm string) map[string]string {
		return map[string]string{"kty": "RSA", "use": "sig", "alg": algorithm, "kid": kid,
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes())}
	}
	keySet, err := json.Marshal(map[string]any{"keys": []any{public("cert-built-in", "RS256"),
		public("cert-new", "RS512")}})
	require.NoError(t, err)
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_,
			_ = w.Write(keySet)
	}))
	t.Cleanup(door.Close)
	signed := func(changed ...any) migrateToken {
		claims := map[string]any{"iss": door.URL, "sub": id, "aud": []string{application},
			"tokenType": "access-token", "scope": "api",
			"iat": time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
		for n := 0; n < len(changed); n += 2 {
			claims[changed[n].(string)] = changed[n+1]
			if changed[n+1] == nil {
				delete(claims, changed[n].(string))
			}
		}
		return migrateToken{Claims: claims, Key: text, Algorithm: "RS256", KeyID: "cert-built-in"}
	}
	good := signed()
	wanted := m.thieves(good, id)
	wanted["good"] = good
	wanted["a refresh token"] = signed("tokenType", "refresh-token")
	wanted["an application's own"] = signed("sub", "admin/"+application)
	wanted["of another application"] = signed("aud", []string{"another"})
	wanted["of another Casdoor"] = signed("iss", "https://door.example.com")
	wanted["of Lingpai, by Casdoor's key"] = signed("iss", m.Issuer, "aud", migrateAudience, "sid", "s")
	wanted["expired"] = signed("exp", time.Now().Add(-time.Hour).Unix())
	wanted["without an end"] = signed("exp", nil)
	wanted["HS256 with Casdoor's certificate"] = migrateToken{Claims: good.Claims, Key: certificate,
		Algorithm: "HS256", KeyID: "cert-built-in"}
	wanted["another algorithm, of a key that Casdoor has for it"] = migrateToken{Claims: good.Claims, Key: text,
		Algorithm: "RS512", KeyID: "cert-new"}
	tokens, hashes := m.mint(t, wanted, "an old password")

	const website = "wx00000000000000ab"
	openid, union := wechattest.OpenID(m.MiniProgram.AppID, "migrate-casdoor"),
		wechattest.UnionID("migrate", "migrate-casdoor")
	extra, _ := json.Marshal(map[string]string{"wechat_openid_" + website: wechattest.OpenID(website, "migrate-web")})
	web, _ := json.Marshal(map[string]string{"oauth_WeChat_id": wechattest.UnionID("migrate", "migrate-web"),
		"oauth_WeChat_extra": string(extra)})
	database := dbtest.PostgreSQL(t)
	migrateSQL(t, database, fmt.Sprintf(`
		create table organization (owner varchar(100), name varchar(100), password_type varchar(100), password_salt varchar(100));
		create table "user" (owner varchar(100), name varchar(255), created_time varchar(100), id varchar(100), password varchar(100), password_salt varchar(100),
			password_type varchar(100), display_name varchar(255), avatar varchar(500), email varchar(255), phone varchar(20), country_code varchar(6),
			is_forbidden boolean, is_deleted boolean, wechat varchar(100), properties text, hash varchar(100), pre_hash varchar(100) default 'of the row');
		insert into organization values ('admin', 'shop', 'bcrypt', ''), ('admin', 'other', 'plain', '');
		insert into "user" values
			('shop', 'anna', '2022-08-07T12:00:00+08:00', '%s', '%s', '', '', 'Anna', 'https://example.com/anna.png', 'anna@example.com', '13800000000', 'CN', false, false, '', '{}'),
			('shop', 'wechat-o1', '2022-08-08T12:00:00+08:00', 'id-2', '', '', '', '', '', '', '', '', false, false, '%s', '{"wechatOpenId": "%s", "wechatUnionId": "%s"}'),
			('shop', '小红 网站', '2022-08-09T12:00:00+08:00', 'id-3', '', '', '', '小红', '', '', '', '', false, false, 'unused', '%s'),
			('shop', 'salted', '2022-08-10T12:00:00+08:00', 'id-4', '5e884898da28', '', 'salt', '', '', '', '', '', false, false, '', 'null'),
			('shop', 'gone', '2022-08-10T12:00:00+08:00', 'id-5', '', '', '', '', '', '', '', '', false, true, '', ''),
			('shop', 'forbidden', '2022-08-10T12:00:00+08:00', 'id-7', '', '', '', '微信用户', '', '', '', '', true, false, '', ''),
			('other', 'anna', '2022-08-10T12:00:00+08:00', 'id-6', 'plain', '', '', '', '', '', '', '', false, false, '', '');
		update "user" set hash = 'of the row';
		insert into "user" (owner, name, id, password, phone) values ('shop', 'nulls', 'id-8', '%s', '13900000000')`, // all else is null
		id, hashes[0], openid, openid, union, strings.ReplaceAll(string(web), "'", "''"), hashes[0]))
	m.bind(t, "migrate", website)
	file := migrateSQL(t, database, "", "-At", "-v", "owner=shop", "-v", "app="+m.MiniProgram.AppID,
		"-v", "web_app="+website,
		"-f", filepath.FromSlash("docs/examples/migrate/casdoor/export.sql"))
	for _, kept := range []string{"5e884898da28", "of the row", "微信用户"} {
		require.NotContains(t, file, kept)
	}
	require.Equal(t, 1, strings.Count(file, `"disabled": true`))
	require.Contains(t, file, `"13900000000"`)
	m.imports(t, "users.jsonl", file, 6, 0)

	fresh := m.byPassword(t, "anna", "an old password")
	require.Equal(t, id, migrateSubject(t, fresh))
	require.Equal(t, "id-2", migrateSubject(t, m.byWechat(t, "migrate-casdoor", m.MiniProgram.ClientID)))
	require.Equal(t, "id-3", migrateSubject(t, m.byWechat(t, "migrate-web", m.MiniProgram.ClientID)),
		"known at the website only, and by unionid at the mini-program")
	require.Equal(t, "id-8", migrateSubject(t, m.byPassword(t, "nulls", "an old password")),
		"what nobody filled in takes nobody away")
	m.refused(t, "salted", "password", "a hash that cannot be checked is none")
	m.dualRun(t, "casdoor", id, fresh, migrateOld{"Authorization", "Bearer ", tokens["good"]},
		m.forged(t, "migrate-casdoor", tokens),
		"CASDOOR="+door.URL, "CASDOOR_CLIENT_ID="+application)
}
