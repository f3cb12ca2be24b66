package migrate_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat/wechattest"
)

// mongoDocuments have the form of mongoexport; the test does not need MongoDB.
var mongoDocuments = strings.Join([]string{
	`{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f6"},"openid":"%[1]s","session_key":"a session key",` +
		`"nickName":"小\u200b明\u3164 👨\u200d👩\u200d👧 ❤\ufe0f\u200d\u2060",` +
		`"avatarUrl":"https://example.com/1.png","gender":1,` +
		`"createdAt":{"$date":"2019-07-01T08:14:10.123Z"},"__v":0}`,
	`{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f7"},"openid":"%[1]s","session_key":"a session key","nickName":"小明",` +
		`"createdAt":{"$date":"2019-07-01T08:14:10.124Z"},"__v":0}`,
	`{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f8"},"openid":"o6_bmjrPTlm6_2sgVt7hMZOPfL2N","token":"a stored token",` +
		`"nickName":"微信用户","gender":{"$numberInt":"2"},` +
		`"createdAt":{"$date":{"$numberLong":"1561968850123"}},"__v":0}`,
	`{"_id":{"$oid":"5d19c0f2e4b0a1b2c3d4e5f9"},"nickName":"nobody","createdAt":{"$date":"2019-07-01T08:14:10Z"}}`,
	"",
}, "\n")

func (m *migration) koaMongo(t *testing.T) {
	const id = "5d19c0f2e4b0a1b2c3d4e5f6"
	now := time.Now().Unix()
	good := oldClaims{Claims: map[string]any{"id": id, "iat": now, "exp": now + 86400}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted := m.thieves(good, id)
	wanted["good"] = good
	wanted["an id of another form"] = oldClaims{Claims: map[string]any{"id": map[string]any{"$ne": ""},
		"exp": now + 86400}, Key: "the old secret", Algorithm: "HS256"}
	wanted["expired"] = oldClaims{Claims: map[string]any{"id": id, "exp": now - 3600}, Key: "the old secret",
		Algorithm: "HS256"}
	wanted["without exp"] = oldClaims{Claims: map[string]any{"id": id, "iat": now}, Key: "the old secret",
		Algorithm: "HS256"}
	tokens, _ := m.mint(t, wanted)

	documents := fmt.Sprintf(mongoDocuments, wechattest.OpenID(m.MiniProgram.AppID, "migrate-koa"))
	file := m.node(t, documents, []string{"APP_ID=" + m.MiniProgram.AppID}, "migrate/koa-mongo/export.mjs")
	for _, kept := range []string{"session key", "stored token", "微信用户", "\u200b"} {
		require.NotContains(t, file, kept)
	}
	require.Contains(t, file, `"nickname":"小明 👨`+"\u200d👩\u200d👧 ❤\ufe0f\"", "joined emoji are kept")
	require.Contains(t, m.imports(t, "users.jsonl", file, 2, 1), "refused,5d19c0f2e4b0a1b2c3d4e5f7,",
		"of two with the same openid the first is imported")

	fresh := m.byWechat(t, "migrate-koa", m.MiniProgram.ClientID)
	require.Equal(t, id, subjectOf(t, fresh))
	var shown struct {
		CreatedAt string `json:"created_at"`
	}
	require.NoError(t, json.Unmarshal([]byte(m.run(t, "users", "show", id)), &shown))
	require.Contains(t, shown.CreatedAt, "2019-07-01")
	m.dualRun(t, "koa-mongo", tokensShown{id, fresh, m.forged(t, "migrate-koa", tokens)},
		oldToken{"Authorization", "Bearer ", tokens["good"]}, "JWT_SECRET=the old secret")
}
