package migrate_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func (m *migration) express(t *testing.T) {
	now := time.Now().Unix()
	claims := func(members map[string]any) map[string]any {
		members["userId"] = 1
		return members
	}
	const secret = "the old access secret"
	good := oldClaims{Claims: claims(map[string]any{"iat": now, "exp": now + 3600}), Key: secret, Algorithm: "HS256"}
	wanted := m.thieves(good, "1")
	wanted["good"] = good
	wanted["a refresh token, with equal secrets"] = oldClaims{Claims: claims(map[string]any{"iat": now,
		"exp": now + 7*86400}), Key: secret, Algorithm: "HS256"}
	wanted["expired"] = oldClaims{Claims: claims(map[string]any{"iat": now - 7200, "exp": now - 3600}),
		Key: secret, Algorithm: "HS256"}
	wanted["without exp"] = oldClaims{Claims: claims(map[string]any{"iat": now}), Key: secret, Algorithm: "HS256"}
	tokens, hashes := m.mint(t, wanted, "ada's old password", "secret") // the second is too short for a new one

	database := dbtest.PostgreSQL(t)
	runSQL(t, database, fmt.Sprintf(`
		create table users (id serial primary key, username varchar(64) unique, email text, password_hash text,
			openid text, session_key text, nickname text, avatar text, refresh_token text,
			is_active boolean default true, created_at timestamptz not null default now());
		insert into users (username, email, password_hash, openid, session_key, nickname, avatar, refresh_token,
			is_active) values
			('Ada', 'ada@example.com', '%s', null, null, 'Ada, "A"', 'https://example.com/ada.png',
				'a refresh token', true),
			('wx_user_oAbCdEfG', null, null, '%s', 'a session key', '小明', 'http://example.com/2.png',
				'another', true),
			('bea', null, '5f4dcc3b5aa765d61d8327deb882cf99', null, null, null, null, null, true),
			('cat', null, '%s', null, null, null, null, null, false),
			('two words', null, '%s', null, null, null, null, null, true),
			('dan', null, '%s', '', null, '微信用户', null, null, null)`,
		hashes[0], wechattest.OpenID(m.MiniProgram.AppID, "migrate-express"), hashes[1], hashes[1], hashes[1]))
	file := runSQL(t, database, "", "-v", "app="+m.MiniProgram.AppID, "-f",
		harness.Path("docs/examples/migrate/express/export.sql"))
	for _, kept := range []string{"refresh", "session key", "5f4dcc3b", "微信用户"} {
		require.NotContains(t, file, kept)
	}
	require.Contains(t, m.imports(t, "users.csv", file, 5, 1), "refused,5,", "a name with a space")

	require.Equal(t, "1", subjectOf(t, m.byPassword(t, "ada", "ada's old password")))
	m.refused(t, "bea", "password", "a hash that cannot be checked is none")
	require.Equal(t, "6", subjectOf(t, m.byPassword(t, "dan", "secret")),
		"not disabled, and without openid")
	m.refused(t, "cat", "secret", "disabled before and after")
	m.run(t, "users", "enable", "4")
	require.Equal(t, "4", subjectOf(t, m.byPassword(t, "cat", "secret")))
	require.Equal(t, "2", subjectOf(t, m.byWechat(t, "migrate-express", m.MiniProgram.ClientID)))

	fresh := m.byPassword(t, "ada", "ada's old password")
	forged := m.forged(t, "migrate-express", tokens)
	m.dualRun(t, "express", tokensShown{"1", fresh, forged}, oldToken{"Authorization", "Bearer ", tokens["good"]},
		"JWT_SECRET="+secret)
	a := m.api(t, "express", overDate, oldToken{}, "JWT_SECRET="+secret)
	var answer struct{ Code string }
	require.Equal(t, http.StatusUnauthorized, sendJSON(t, http.MethodPost, a.url+"/auth/refresh",
		"application/json", "{}", &answer))
	require.Equal(t, "SIGN_IN_AGAIN", answer.Code)
}
