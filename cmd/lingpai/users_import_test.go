package main

import (
	"encoding/base64"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/lingpai/lingpai/cmd/lingpai/userimport"

	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/argon2"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

// hashedElsewhere returns the hash that another program with argon2id makes of a password.
func hashedElsewhere(t *testing.T, password string) string {
	t.Helper()
	salt := []byte("somesaltsomesalt")
	hash := argon2.IDKey([]byte(password), salt, 1, 1024, 1, 32)
	return "$argon2id$v=19$m=1024,t=1,p=1$" + base64.RawStdEncoding.EncodeToString(salt) + "$" +
		base64.RawStdEncoding.EncodeToString(hash)
}

func (o userRecords) events(kind string) (details []string) {
	o.t.Helper()
	all, err := o.opens().Events().List(o.t.Context(), identity.EventsOf{}, 1000)
	require.NoError(o.t, err)
	for _, event := range all {
		if event.Kind == kind {
			details = append(details, event.Detail)
		}
	}
	return details
}

// newImportServer returns a server with a simulated WeChat and imported users.
func newImportServer(t *testing.T, people string) (h testServer, simulator string) {
	t.Helper()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	simulator = o.simulates()
	o = o.with("LINGPAI_WECHAT_BASE_URL=" + simulator)
	o.okWith(simSecret, "apps", "add", appID, "--open-platform", "main")
	h = testServer{operator: o, secret: secretIn(t, o.ok("clients", "create", "asking", "--first-party", "--grant",
		"password", "--grant", "wechat_code", "--app", appID,
		"--audience", audience, "--scope", "openid", "--scope", "profile", "--scope", "email", "--scope", "phone",
		"--scope", "address", "--scope", "roles"))}
	o.write("people.jsonl", people)
	o.ok("users", "import", "people.jsonl")
	_, h.base = o.serves()
	return h, simulator
}

func (h testServer) userinfo(r reply) map[string]any {
	h.t.Helper()
	request, err := http.NewRequestWithContext(h.t.Context(), http.MethodGet, h.base+"/userinfo", http.NoBody)
	require.NoError(h.t, err)
	request.Header.Set("Authorization", "Bearer "+r.text("access_token"))
	return ask(h.t, request).members
}

func TestImportedPeopleSignIn(t *testing.T) {
	t.Parallel()
	h, simulator := newImportServer(t, fmt.Sprintf(`
		{"sub":"legacy-1","username":"Zoë","password_hash":%q,"name":"Zoë 令",`+
		`"nickname":"z","picture":"https://img.example.com/z.png","gender":"female",`+
		`"locale":"zh_CN","email":"zoe@example.com","address":"1 Long Street","phone":"13812345678",`+
		`"roles":["b","a"],"created_at":"2019-01-02T03:04:05+08:00","app":%q,"openid":%q}
		{"username":"bob","password_hash":%q,"created_at":1546369445000}
		{"sub":"barred","username":"carol","password_hash":%q,"disabled":true,"app":%q,"openid":%q}`,
		imported(t, "the old one"), appID, wechattest.OpenID(appID, "zoe"), hashedElsewhere(t, "the old one"),
		goodHash, appID, wechattest.OpenID(appID, "carol")))

	r, claims := h.asks("grant_type", "password", "username", "ZOË", "password", "the old one", "scope",
		"openid profile email address phone roles")
	require.Equal(t, "legacy-1", claims["sub"])
	require.Equal(t, []any{"a", "b"}, claims["roles"])
	own, _ := h.asks("grant_type", "password", "username", "ZOË", "password", "the old one", "scope", "openid phone",
		"resource", claims["iss"].(string)) // phone is not for APIs
	info := h.userinfo(r)
	maps.Copy(info, h.userinfo(own))
	for name, want := range map[string]any{
		"sub": "legacy-1", "name": "Zoë 令", "nickname": "z", "picture": "https://img.example.com/z.png",
		"gender": "female", "locale": "zh-CN",
		"address": map[string]any{"formatted": "1 Long Street"},
		"email":   "zoe@example.com", "email_verified": false, "phone_number": "+8613812345678",
		"phone_number_verified": false, "preferred_username": "Zoë",
	} {
		require.Equal(t, want, info[name], name)
	}
	shown, _ := h.shown("legacy-1")
	require.Equal(t, "2019-01-01T19:04:05Z", shown["created_at"])

	_, claims = h.asks("grant_type", "password", "username", "bob", "password", "the old one")
	require.Regexp(t, "^u_.{22}$", claims["sub"])
	shown, _ = h.shown("bob")
	require.Equal(t, "2019-01-01T19:04:05Z", shown["created_at"])

	signIn := func(user string) reply {
		code := postJSON(t, simulator+"/_sim/codes", `{"appid":"`+appID+`","user":"`+user+`"}`).text("code")
		return postForm(t, h.base+"/token", "asking", h.secret, "grant_type", "wechat_code", "code", code)
	}
	code := postJSON(t, simulator+"/_sim/codes", `{"appid":"`+appID+`","user":"zoe"}`).text("code")
	_, claims = h.asks("grant_type", "wechat_code", "code", code)
	require.Equal(t, "legacy-1", claims["sub"])
	require.Equal(t, "invalid_grant", signIn("carol").text("error"))
	h.ok("users", "enable", "barred")
	require.Equal(t, http.StatusOK, signIn("carol").status)
	require.Equal(t, "invalid_grant", postForm(t, h.base+"/token", "asking", h.secret, "grant_type", "password",
		"username", "bob", "password", "another").text("error"))
}

func TestImportAgainChangesNothing(t *testing.T) {
	t.Parallel()
	o := newImporter(t)
	people := fmt.Sprintf(`{"sub":"a","username":"ann","name":"Ann",`+
		`"accounts":[{"app":%q,"openid":"oa","unionid":"ua"},{"platform":"wechat","app":%q,"openid":"ob"}]}
		{"username":"bea","password_hash":%q,"roles":["x"]}
		{"app":%q,"openid":"oc"}
		{"username":"alice","password_hash":%q}`, appID, looseApp, goodHash, appID, goodHash)
	o.write("people.ndjson", people)
	require.Equal(t, "dry run: would have imported 3, already there 1, refused 0\n", o.ok("users", "import",
		"people.ndjson", "--dry-run"))
	require.Len(t, o.subs(), 1)
	require.Len(t, o.events(identity.EventUsersImported), 1, "newImporter's")
	require.JSONEq(t, `{"imported":3,"already_there":1,"refused":0,"warned":0,"expensive_hashes":0,"dry_run":false}`,
		o.ok("users", "import", "people.ndjson", "--output", "json"))
	require.Equal(t, "3 users", o.events(identity.EventUsersImported)[0])
	require.Equal(t, "a", o.seen(identity.ExternalIdentity{AccountKey: identity.AccountKey{
		Platform: identity.PlatformWechat, App: looseApp, Subject: "ob"}})[0])

	o.okWith("a better password", "users", "set-password", "bea")
	o.ok("users", "revoke-role", "bea", "x")
	before := o.ok("users", "list", "--output", "json")
	for _, dry := range []string{"--dry-run=false", "--dry-run"} {
		require.Contains(t, o.okWith(people, "users", "import", "-", "--format", "jsonl", dry),
			"imported 0, already there 4, refused 0\n")
	}
	require.Equal(t, before, o.ok("users", "list", "--output", "json"))
	require.Contains(t, o.refused("users", "import", "people.ndjson", "--output", "yaml"),
		`--output: "yaml" is neither table nor json`)
}

func TestImportWarnsAboutExpensiveHashes(t *testing.T) {
	t.Parallel()
	o := newImporter(t)
	const hash = "N9qo8uLOickgx2ZMRZoMyeIjZAgcfl7p92ldGxad68LJZdL17lhWy"
	rows := ""
	for n, cost := range []string{"10", "12", "13", "14"} {
		rows += fmt.Sprintf(`{"username":"user%d","password_hash":"$2b$%s$%s"}`+"\n", n, cost, hash)
	}
	for _, mode := range []string{"--dry-run", "--dry-run=false"} {
		a := o.types(rows, "users", "import", "-", "--format", "jsonl", mode)
		require.Zero(t, a.code, a.stderr)
		require.Contains(t, a.stderr, "warning: 2 imported hashes are expensive (bcrypt with a cost above 12")
	}
	o.okWith(rows, "users", "import", "-", "--format", "jsonl") // all are already there
	a := o.types("$2b$13$"+hash, "users", "create", "dora", "--hash")
	require.Zero(t, a.code, a.stderr)
	require.Contains(t, a.stderr, "warning: the hash is expensive")
	o.okWith("$2b$12$"+hash, "users", "create", "emil", "--hash")
}

func TestImportWarnsAboutUnionsOfOtherUsers(t *testing.T) {
	t.Parallel()
	o := newImporter(t)
	a, lines := o.importing("people.csv",
		fmt.Sprintf("sub,app,openid,unionid\na,%[1]s,oa,u1\nb,%[1]s,ob,u1\nc,%[1]s,oc,u2\n", appID))
	require.Zero(t, a.code, a.stderr)
	require.Equal(t, "imported 3, already there 0, refused 0\n", a.stdout)
	require.Equal(t, []told{{3, "warned", "b", "imported, but the union id of an account at " + appID +
		" belongs to a"}}, lines)
	twins := o.listed("users", "duplicates")
	require.Len(t, twins, 1)
	require.Equal(t, []any{"a", "b"}, []any{twins[0]["survivor"], twins[0]["retired"]})
	require.Equal(t, []string{"the union id of an account at " + appID + " belongs to a"},
		o.events(identity.EventUnionConflict))
	require.Equal(t, "3 users", o.events(identity.EventUsersImported)[0])
	require.Contains(t, o.ok("users", "import", "people.csv"), "already there 3")
	require.Len(t, o.events(identity.EventUnionConflict), 1)
}

// TestImportListsTheFirstRejectedRowsWithoutAReport, up to twenty.
func TestImportListsTheFirstRejectedRowsWithoutAReport(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	a := o.types("sub\n"+strings.Repeat("two words\n", 30), "users", "import", "-", "--format", "csv")
	require.Equal(t, 1, a.code)
	require.Equal(t, 20, strings.Count(a.stderr, "refused: sub must be 1 to 255"), a.stderr)
	require.Contains(t, a.stderr, "line 2 refused: ")
	require.Contains(t, a.stderr, "there are more; --report FILE lists all of them\nlingpai: 30 of 30 rows were "+
		"refused: see the lines above")
}

// TestDryRunCountsAsTheImportDoes has rows of all kinds, in several batches, that contradict each other.
func TestDryRunCountsAsTheImportDoes(t *testing.T) {
	t.Parallel()
	o := newImporter(t)
	var file strings.Builder
	for n := range 3000 {
		fmt.Fprintf(&file, `{"sub":"s%d","username":"n%d","app":%q,"openid":"o%d","unionid":"u%d"}`+"\n", n%2500,
			n%2300, appID, n%2400, n%1000)
	}
	o.write("people.jsonl", file.String())
	before := o.tables()
	dry := o.types("", "users", "import", "people.jsonl", "--dry-run", "--report", "dry.csv")
	require.Equal(t, before, o.tables(), "nothing was written")
	real := o.types("", "users", "import", "people.jsonl", "--report", "real.csv")
	require.Equal(t, strings.TrimPrefix(dry.stdout, "dry run: would have "), real.stdout)
	outcomes := func(name string) (all []told) {
		for _, line := range o.report(name) {
			line.reason = ""
			all = append(all, line)
		}
		return all
	}
	require.Equal(t, outcomes("real.csv"), outcomes("dry.csv"))
	require.NotEqual(t, before, o.tables())
}

// tables counts the rows of all tables that an import writes.
func (o userRecords) tables() map[string]int {
	o.t.Helper()
	users := o.listed("users", "list", "--limit", "100000")
	counts := map[string]int{"users": len(users), "twins": len(o.listed("users", "duplicates", "--limit", "100000"))}
	database := o.opens()
	for _, user := range users {
		accounts, err := database.Accounts().List(o.t.Context(), user["sub"].(string))
		require.NoError(o.t, err)
		counts["accounts"] += len(accounts)
	}
	events, err := database.Events().List(o.t.Context(), identity.EventsOf{}, 100_000)
	require.NoError(o.t, err)
	counts["events"] = len(events)
	return counts
}

func TestImportIsListedWithTheOtherCommands(t *testing.T) {
	t.Parallel()
	help := newOperator(t).ok("users", "import", "--help")
	for _, name := range append(userimport.Columns(), "accounts", "--dry-run", "--report") {
		require.Contains(t, help, name)
	}
}
