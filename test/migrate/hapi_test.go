package migrate_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func (m *migration) hapi(t *testing.T) {
	now := time.Now().Unix()
	good := oldClaims{Claims: map[string]any{"userId": 41, "exp": now + 7*86400 - 60}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted := m.thieves(good, "41")
	wanted["good"] = good
	wanted["exp in milliseconds"] = oldClaims{Claims: map[string]any{"userId": 41,
		"exp": (now + 86400) * 1000}, Key: "the old secret", Algorithm: "HS256"}
	wanted["not an integer"] = oldClaims{Claims: map[string]any{"userId": []string{"41"}, "exp": now + 86400},
		Key: "the old secret", Algorithm: "HS256"}
	wanted["expired"] = oldClaims{Claims: map[string]any{"userId": 41, "exp": now - 3600}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted["without exp"] = oldClaims{Claims: map[string]any{"userId": 41, "iat": now}, Key: "the old secret",
		Algorithm: "HS256"}
	tokens, _ := m.mint(t, wanted)

	database := dbtest.PostgreSQL(t)
	openid := wechattest.OpenID(m.MiniProgram.AppID, "migrate-hapi")
	runSQL(t, database, fmt.Sprintf(`
		create table users (id integer primary key, open_id varchar(64), session_key varchar(64),
			nick_name varchar(64), avatar_url varchar(255), gender integer,
			created_at timestamptz not null, updated_at timestamptz not null);
		insert into users values
			(41, '%s', 'a session key', '微信用户', 'https://example.com/grey.png', 0, '2019-07-01',
				'2019-07-01'),
			(42, '%s', 'a session key', 'twice', null, 2, '2019-07-01', '2019-07-01'), -- two first sign-ins at once
			(43, '', 'a session key', null, null, 0, '2019-07-02', '2019-07-02'),
			(44, 'o6_bmjrPTlm6_2sgVt7hMZOPfL2M', 'a session key', 'Band', null, 1, '2019-07-02', '2019-07-02')`,
		openid, openid))
	file := runSQL(t, database, "", "-v", "app="+m.MiniProgram.AppID, "-f",
		harness.Path("docs/examples/migrate/hapi/export.sql"))
	require.NotContains(t, file, "session key")
	require.Contains(t, m.imports(t, "users.csv", file, 2, 1), "refused,42,",
		"of two with the same openid the first is imported")

	fresh := m.byWechat(t, "migrate-hapi", m.MiniProgram.ClientID)
	require.Equal(t, "41", subjectOf(t, fresh))
	m.dualRun(t, "hapi", tokensShown{"41", fresh, m.forged(t, "migrate-hapi", tokens)},
		oldToken{"Authorization", "", tokens["good"]}, "JWT_SECRET=the old secret")
}
