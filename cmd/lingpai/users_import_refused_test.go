package main

import (
	"encoding/csv"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

const looseApp = "wxfedcba9876543210" // bound to no Open Platform account

// newImporter returns an operator with two apps, a client, a user and a deleted user.
func newImporter(t *testing.T) *operator {
	t.Helper()
	o := migrated(t)
	o.okWith(simSecret, "apps", "add", appID, "--open-platform", "main")
	o.okWith(simSecret, "apps", "add", looseApp)
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID, "--audience", audience)
	o.okWith("a good password", "users", "create", "alice")
	o.write("gone.jsonl", `{"sub":"gone"}`)
	o.ok("users", "import", "gone.jsonl")
	database := o.opens()
	_, err := database.Deletions().ScheduleDeletion(t.Context(), "gone", 0)
	require.NoError(t, err)
	_, err = database.Deletions().PurgeDeleted(t.Context(), 1)
	require.NoError(t, err)
	return o
}

// opens opens the operator's database for the test.
func (o *shell) opens() *sql.DB {
	o.t.Helper()
	url := o.variable("LINGPAI_DATABASE_URL")
	if url == "" {
		url = "sqlite:" + filepath.Join(o.folder, "lingpai.db")
	}
	database, err := sql.Open(o.t.Context(), sql.Options{URL: url})
	require.NoError(o.t, err)
	o.t.Cleanup(func() { database.Close() })
	return database
}

// told is a line of a report.
type told struct {
	line                 int
	outcome, sub, reason string
}

func (o importCommands) report(name string) (lines []told) {
	o.t.Helper()
	file, err := os.Open(filepath.Join(o.folder, name))
	require.NoError(o.t, err)
	defer file.Close()
	records, err := csv.NewReader(file).ReadAll()
	require.NoError(o.t, err)
	require.Equal(o.t, []string{"line", "outcome", "sub", "reason"}, records[0])
	for _, r := range records[1:] {
		line, err := strconv.Atoi(r[0])
		require.NoError(o.t, err)
		lines = append(lines, told{line, r[1], r[2], r[3]})
	}
	return lines
}

// refusal is a row of JSON lines that is rejected, its sub in the report, and the reason.
type refusal struct{ row, sub, reason string }

func refusals() []refusal {
	return slices.Concat(refusalsOfForm(), refusalsOfValues(), refusalsOfAccounts())
}

// refusalsOfForm are invalid rows, and rows that do not identify a user.
func refusalsOfForm() []refusal {
	const notJSON = "the row is not one JSON object"
	return []refusal{
		{`not JSON`, "", notJSON},
		{`["sub"]`, "", notJSON},
		{`{"sub":"a1"} {"sub":"a2"}`, "a1", notJSON},
		{`{"sub":"a3"`, "a3", notJSON},
		{`{"sub":"a4",}`, "a4", notJSON},
		{`{"sub":"a5","sub":"a6"}`, "a5", `the row has a member "sub" twice`},
		{`{"sub":"a7","s\u0075b":"a8"}`, "a7", `the row has a member "sub" twice`},
		{`{"sub":"a9","Sub":"a10"}`, "a9", `the row has a member "Sub", which is unknown`},
		{`{"sub":"a11","$2y$10$secret":1}`, "a11",
			`the row has a member (not shown), which is unknown`},
		{`{"sub":12}`, "", "sub must be a string"},
		{`{"sub":"b1","email":["x@example.com"]}`, "b1", "email must be a string"},
		{`{"sub":"b2","roles":"admin"}`, "b2", "roles must be a list of strings"},
		{`{"sub":"b3","roles":[1]}`, "b3", "roles must be a list of strings"},
		{`{"sub":"b4","disabled":"yes"}`, "b4", "disabled must be true or false"},
		{`{"sub":"b5","name":"a\u0000b"}`, "b5", "the row contains a NUL"},
		{`{"roles":["admin"]}`, "", "the user has no identifier: give sub, username or an account"},
		{`{"sub":"two words"}`, "", "sub must be 1 to 255 printable ASCII characters"},
		{`{"sub":"` + strings.Repeat("x", 256) + `"}`, "", "sub must be 1 to 255 printable ASCII characters"},
		{`{"sub":"令牌"}`, "", "sub must be 1 to 255 printable ASCII characters"},
		{`{"sub":"u_me"}`, "", `sub must not begin with "u_"`},
		{`{"sub":"u_AAAAAAAAAAAAAAAAAAAAAB"}`, "", `sub must not begin with "u_"`}, // bits that no generated id has
		{`{"sub":"shop"}`, "shop", "the sub is the id of a client"},
		{`{"sub":"gone"}`, "gone", "the sub belonged to a deleted user and is never reused"},
	}
}

// refusalsOfValues are rows with one invalid value.
func refusalsOfValues() []refusal {
	const created = "created_at must be a time such as 2024-05-06T07:08:09+08:00, " +
		"or whole seconds or milliseconds since 1970"
	const phone = "phone must be + with country code"
	next := time.Now().Add(time.Hour)
	return []refusal{
		{`{"sub":"c1","username":"two words"}`, "c1", "a user name must not contain spaces"},
		{`{"username":"u_me"}`, "", `a user name must not begin with "u_"`},
		{`{"sub":"c2","password_hash":"` + goodHash + `"}`, "c2", "password_hash requires username"},
		{`{"username":"c3","password_hash":"$1$28772684$iEwNOgGugqO9.bIz5sk8k/"}`, "",
			"password_hash: not a supported hash"},
		{`{"username":"c4","password_hash":"` + strings.Replace(goodHash, "$04$", "$15$", 1) + `"}`, "",
			"password_hash: not a supported hash"},
		{`{"sub":"d1","name":"a\u200bb"}`, "d1", "name must have at most 128 characters"},
		{`{"sub":"d2","nickname":"` + strings.Repeat("x", 129) + `"}`, "d2",
			"nickname must have at most 128 characters"},
		{`{"sub":"d3","picture":"http://example.com/a.png"}`, "d3", "picture must be an https URL"},
		{`{"sub":"d4","gender":"F!"}`, "d4", "gender must be female, male"},
		{`{"sub":"d5","locale":"?"}`, "d5", "locale must be a BCP 47 language tag"},
		{`{"sub":"d6","email":"a b"}`, "d6", "email must be one address"},
		{`{"sub":"e1","phone":"12345"}`, "e1", phone},
		{`{"sub":"e2","phone":"+86 138 0000 0000"}`, "e2", phone},
		{`{"sub":"e3","phone":"23800000000"}`, "e3", phone},
		{`{"sub":"e4","roles":["two words"]}`, "e4", "a role must be 1 to 64"},
		{`{"sub":"e5","created_at":"yesterday"}`, "e5", created},
		{`{"sub":"e6","created_at":1.5e9}`, "e6", created},
		{`{"sub":"e7","created_at":-1}`, "e7", created},
		{`{"sub":"e8","created_at":true}`, "e8", created},
		{`{"sub":"e9","created_at":"0001-01-01T00:00:00Z"}`, "e9", created},
		{`{"sub":"e10","created_at":` + fmt.Sprint(next.Unix()) + `}`, "e10", "created_at is in the future"},
		{`{"sub":"h1","nickname":"a\ud800b"}`, "", "unpaired surrogate"},
		{`{"sub":"h2","nickname":"\udc00"}`, "", "unpaired surrogate"},
		{`{"sub":"h3","nickname":"\ud83d\ud83d\ude00"}`, "", "unpaired surrogate"},
		{`{"sub":"e11","created_at":` + fmt.Sprint(next.UnixMilli()) + `}`, "e11", "created_at is in the future"},
	}
}

// refusalsOfAccounts are rows with invalid accounts, or with names of other users.
func refusalsOfAccounts() []refusal {
	const ids = "openid, and unionid if given, must be 1 to 128 printable ASCII"
	const accounts = "accounts must be a list of objects with app, openid and optionally unionid and platform"
	return []refusal{
		{`{"sub":"f1","accounts":{}}`, "f1", accounts},
		{`{"sub":"f2","accounts":[1]}`, "f2", accounts},
		{`{"sub":"f3","accounts":[{"appid":"` + appID + `"}]}`, "f3", accounts},
		{`{"sub":"f4","accounts":[{"app":"` + appID + `","openid":"o","openid":"p"}]}`, "f4", accounts},
		{`{"sub":"f5","app":"` + appID + `","openid":"o1","accounts":[{"app":"` + appID + `","openid":"o1"}]}`,
			"f5", "all of them into accounts"},
		{`{"app":"` + appID + `"}`, "", ids},
		{`{"sub":"f6","openid":"o1"}`, "f6", "app is not an AppID of wechat"},
		{`{"sub":"f7","app":"` + appID + `","openid":"o 1"}`, "f7", ids},
		{`{"sub":"f8","app":"` + appID + `","openid":"o1","unionid":"u 1"}`, "f8", ids},
		{`{"sub":"f9","app":"+8613800000000","openid":"o1"}`, "f9", "app is not an AppID of wechat"},
		{`{"sub":"f10","accounts":[{"platform":"alipay","app":"` + appID + `","openid":"o1"}]}`, "f10",
			`the platform of an account must be "wechat" or "qq"`},
		{`{"sub":"f11","accounts":[{"platform":"qq","app":"` + appID + `","openid":"o1"}]}`, "f11",
			"app is not an AppID of qq"},
		{`{"sub":"f12","app":"wx00000000000000ff","openid":"o1"}`, "f12",
			"there is no app wx00000000000000ff: add it with: lingpai apps add wx00000000000000ff"},
		{`{"sub":"f13","app":"1112345678","openid":"o1"}`, "f13", "there is no app 1112345678"},
		{`{"sub":"f14","app":"` + looseApp + `","openid":"o1","unionid":"u1"}`, "f14",
			"has no Open Platform account, so a unionid is meaningless: add the app with --open-platform"},
		{`{"sub":"f15","accounts":[{"app":"` + appID + `","openid":"o1"},{"app":"` + appID + `","openid":"o2"}]}`,
			"f15", "a user can have only one account at each app"},
		{`{"sub":"f16","accounts":[` + strings.Repeat(`{"app":"`+appID+`","openid":"o1"},`, 32) + `{"app":"` +
			appID + `","openid":"o1"}]}`, "f16", "a user can have at most 32 accounts"},
		{`{"sub":"g1","username":"ALICE"}`, "g1", "the user name belongs to u_"},
		{`{"sub":"first","username":"another"}`, "first", "the sub belongs to first, and the user name does not"},
		{`{"sub":"g2","app":"` + appID + `","openid":"o-first"}`, "g2", "the account at " + appID +
			" belongs to first, and the sub does not"},
		{`{"username":"alice","app":"` + appID + `","openid":"o-first"}`, "", ", and the account at " +
			appID + " to first"},
		{`{"sub":"first","app":"` + looseApp + `","openid":"o-new"}`, "first",
			"the sub belongs to first, and the account at " + looseApp + " does not"},
	}
}

const goodHash = "$2y$04$abcdefghijklmnopqrstuu012345678901234567890123456789."

func TestImportRefusesEachRowWithItsReason(t *testing.T) {
	t.Parallel()
	o := newImporter(t)
	var file strings.Builder
	fmt.Fprintf(&file, `{"sub":"first","username":"first","app":"%s","openid":"o-first","unionid":"u-first"}`+"\n",
		appID)
	for _, r := range refusals() {
		file.WriteString(r.row + "\n\n")
	}
	// no line break
	file.WriteString(`{"sub":"last","username":null,"email":"","app":"` + looseApp + `","openid":"o-last"}`)
	o.write("people.jsonl", file.String())
	for n, dry := range [][]string{{"--dry-run"}, nil} {
		report := fmt.Sprint("report", n, ".csv")
		a := o.types("", append([]string{"users", "import", "people.jsonl", "--report", report}, dry...)...)
		require.Equal(t, 1, a.code, a.stderr)
		require.Contains(t, a.stdout, fmt.Sprintf("imported 2, already there 0, refused %d\n", len(refusals())),
			a.stderr)
		require.Equal(t, fmt.Sprintf("lingpai: %d of %d rows were refused: see %s\n", len(refusals()),
			len(refusals())+2, report), a.stderr)
		lines := o.report(report)
		require.Len(t, lines, len(refusals()))
		for k, r := range refusals() {
			reason := r.reason
			if n == 0 {
				reason = strings.Replace(strings.Replace(reason, "belongs to first", "belongs to line 1", 1),
					" to first", " to line 1", 1)
			}
			require.Equal(t, told{2 + 2*k, "refused", r.sub, lines[k].reason}, lines[k], r.row)
			require.Contains(t, lines[k].reason, reason, r.row)
		}
	}
	require.Len(t, o.listed("users", "list"), 3)
	require.Equal(t, "first", o.seen(identity.ExternalIdentity{AccountKey: identity.AccountKey{
		Platform: identity.PlatformWechat, App: appID, Subject: "o-first"}})[0])
}
