package lingpai

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// migrateDocuments are in the form of mongoexport. There is no MongoDB to export from.
const migrateDocuments = `{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f6"},"openid":"%[1]s","session_key":"a session key","nickName":"小\u200b明\u3164 👨\u200d👩\u200d👧 ❤\ufe0f\u200d\u2060","avatarUrl":"https://example.com/1.png","gender":1,"createdAt":{"$date":"2019-07-01T08:14:10.123Z"},"__v":0}
{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f7"},"openid":"%[1]s","session_key":"a session key","nickName":"小明","createdAt":{"$date":"2019-07-01T08:14:10.124Z"},"__v":0}
{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f8"},"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2N","token":"a stored token","nickName":"微信用户","gender":{"$numberInt":"2"},"createdAt":{"$date":{"$numberLong":"1561968850123"}},"__v":0}
{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f9"},"nickName":"nobody","createdAt":{"$date":"2019-07-01T08:14:10Z"}}
`

func (m *migration) koaMongo(t *testing.T) {
	const id = "5d19c0f2e4b0a1b2c3d4e5f6"
	now := time.Now().Unix()
	good := migrateToken{Claims: map[string]any{"id": id, "iat": now, "exp": now + 86400}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted := m.thieves(good, id)
	wanted["good"] = good
	wanted["an id of another form"] = migrateToken{Claims: map[string]any{"id": map[string]any{"$ne": ""},
		"exp": now + 86400}, Key: "the old secret", Algorithm: "HS256"}
	wanted["expired"] = migrateToken{Claims: map[string]any{"id": id, "exp": now - 3600}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted["without an end"] = migrateToken{Claims: map[string]any{"id": id, "iat": now}, Key: "the old secret",
		Algorithm: "HS256"}
	tokens, _ := m.mint(t, wanted)

	documents := fmt.Sprintf(migrateDocuments, wechattest.OpenID(m.MiniProgram.AppID, "migrate-koa"))
	file := m.node(t, documents, []string{"APP_ID=" + m.MiniProgram.AppID}, "migrate/koa-mongo/export.mjs")
	for _, kept := range []string{"session key", "stored token", "微信用户", "\u200b"} {
		require.NotContains(t, file, kept)
	}
	require.Contains(t, file, `"nickname":"小明 👨`+"\u200d👩\u200d👧 ❤\ufe0f\"", "the family stays one picture")
	require.Contains(t, m.imports(t, "users.jsonl", file, 2, 1), "refused,5d19c0f2e4b0a1b2c3d4e5f7,",
		"of two with one openid the first is taken")

	fresh := m.byWechat(t, "migrate-koa", m.MiniProgram.ClientID)
	require.Equal(t, id, migrateSubject(t, fresh))
	var shown struct {
		CreatedAt string `json:"created_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(m.run(t, "users", "show", id)), &shown))
	require.Contains(t, shown.CreatedAt, "2019-07-01")
	m.dualRun(t, "koa-mongo", id, fresh, migrateOld{"Authorization", "Bearer ", tokens["good"]},
		m.forged(t, "migrate-koa", tokens), "JWT_SECRET=the old secret")
}

func (m *migration) redis3rdSession(t *testing.T) {
	address, prefix := dbtest.Redis(t)
	options, err := redis.ParseURL(address)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	openid := wechattest.OpenID(m.MiniProgram.AppID, "migrate-redis")
	value := fmt.Sprintf(`{"openid":%q,"session_key":"a session key"}`, openid)
	const session = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	// two devices, one without an end
	for name, life := range map[string]time.Duration{session: time.Hour, "ffeeddccbbaa99887766554433221100": 0} {
		require.NoError(t, client.Set(t.Context(), prefix+name, value, life).Err())
	}
	// These are in Redis, too.
	// the last is no header, as a name
	misshapen := []string{"short", session + "*", session + ":token", strings.Repeat("a", 129), "undefined"}
	for _, name := range misshapen {
		require.NoError(t, client.Set(t.Context(), prefix+name, value, time.Hour).Err())
	}
	for n := range 3000 { // more than one answer of SCAN
		require.NoError(t, client.Set(t.Context(), fmt.Sprintf("%s%032x", prefix, n),
			fmt.Sprintf(`{"openid":"o%027d","session_key":"a session key"}`, n), time.Hour).Err())
	}
	env := []string{"REDIS_URL=" + address, "OLD_PREFIX=" + prefix, "APP_ID=" + m.MiniProgram.AppID}
	file := m.node(t, "", env, "migrate/redis-3rd-session/export.mjs")
	require.NotContains(t, file, "session key")
	require.Equal(t, 1, strings.Count(file, `"sub":"`+openid+`"`))
	m.imports(t, "users.jsonl", file, 3001, 0)

	fresh := m.byWechat(t, "migrate-redis", m.MiniProgram.ClientID)
	require.Equal(t, openid, migrateSubject(t, fresh), "the openid stays the id")
	now := time.Now().Unix()
	good := migrateToken{Claims: map[string]any{"openid": openid, "iat": now, "exp": now + 3600},
		Key: "x", Algorithm: "HS256"}
	tokens, _ := m.mint(t, m.thieves(good, openid))
	forged := m.forged(t, "migrate-redis", tokens)
	for _, name := range append(misshapen, "00000000000000000000000000000000000000", "*") {
		forged[name] = name
	}
	m.dualRun(t, "redis-3rd-session", openid, fresh, migrateOld{"third-session", "", session}, forged, env...)
	require.Positive(t, client.TTL(t.Context(), prefix+session).Val())
	require.LessOrEqual(t, client.TTL(t.Context(), prefix+session).Val(), time.Hour, "not made longer")
}
