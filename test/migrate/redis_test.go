package migrate_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func (m *migration) redis3rdSession(t *testing.T) {
	address, prefix := dbtest.Redis(t)
	options, err := redis.ParseURL(address)
	require.NoError(t, err)
	client := redis.NewClient(options)
	defer client.Close()
	openid := wechattest.OpenID(m.MiniProgram.AppID, "migrate-redis")
	value := fmt.Sprintf(`{"openid":%q,"session_key":"a session key"}`, openid)
	const session = "0f1e2d3c4b5a69788796a5b4c3d2e1f0"
	// two devices, one without expiry
	for name, life := range map[string]time.Duration{session: time.Hour, "ffeeddccbbaa99887766554433221100": 0} {
		require.NoError(t, client.Set(t.Context(), prefix+name, value, life).Err())
	}
	// Other keys in Redis.
	// the last is what a missing header becomes
	misshapen := []string{"short", session + "*", session + ":token", strings.Repeat("a", 129), "undefined"}
	for _, name := range misshapen {
		require.NoError(t, client.Set(t.Context(), prefix+name, value, time.Hour).Err())
	}
	for n := range 3000 { // more than SCAN returns at once
		require.NoError(t, client.Set(t.Context(), fmt.Sprintf("%s%032x", prefix, n),
			fmt.Sprintf(`{"openid":"o%027d","session_key":"a session key"}`, n), time.Hour).Err())
	}
	env := []string{"REDIS_URL=" + address, "OLD_PREFIX=" + prefix, "APP_ID=" + m.MiniProgram.AppID}
	file := m.node(t, "", env, "migrate/redis-3rd-session/export.mjs")
	require.NotContains(t, file, "session key")
	require.Equal(t, 1, strings.Count(file, `"sub":"`+openid+`"`))
	m.imports(t, "users.jsonl", file, 3001, 0)

	fresh := m.byWechat(t, "migrate-redis", m.MiniProgram.ClientID)
	require.Equal(t, openid, subjectOf(t, fresh), "the openid stays the id")
	now := time.Now().Unix()
	good := oldClaims{Claims: map[string]any{"openid": openid, "iat": now, "exp": now + 3600},
		Key: "x", Algorithm: "HS256"}
	tokens, _ := m.mint(t, m.thieves(good, openid))
	forged := m.forged(t, "migrate-redis", tokens)
	for _, name := range append(misshapen, "00000000000000000000000000000000000000", "*") {
		forged[name] = name
	}
	m.dualRun(t, "redis-3rd-session", tokensShown{openid, fresh, forged}, oldToken{"third-session", "", session},
		env...)
	require.Positive(t, client.TTL(t.Context(), prefix+session).Val())
	require.LessOrEqual(t, client.TTL(t.Context(), prefix+session).Val(), time.Hour, "not extended")
}
