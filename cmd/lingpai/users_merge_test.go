package main

import (
	"context"
	"encoding/json"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

// seen signs users in through WeChat, as a server does, and returns their subs.
func (o userRecords) seen(identities ...identity.ExternalIdentity) (subs []string) {
	o.t.Helper()
	database, err := sql.Open(context.Background(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(o.t, err)
	defer database.Close()
	for _, s := range identities {
		user, _, err := database.Accounts().FindOrCreateUser(context.Background(), s)
		require.NoError(o.t, err)
		subs = append(subs, user.ID)
	}
	return subs
}

func atApp(app, openid, union string) identity.ExternalIdentity {
	s := identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: identity.PlatformWechat,
		App: app, Subject: openid}}
	if union != "" {
		s.OpenPlatform, s.UnionID = "main/自家", union
	}
	return s
}

// duplicates creates two users who turn out to be the same person when the first one's app is bound.
func (o userRecords) duplicates(union string) (retired, survivor string) {
	o.t.Helper()
	subs := o.seen(atApp("wx1", "one of "+union, ""), atApp("wx2", "two of "+union, union),
		atApp("wx1", "one of "+union, union))
	return subs[0], subs[1]
}

// shown runs users show, and returns its decoded output and its standard error.
func (o userRecords) shown(name string) (map[string]any, string) {
	o.t.Helper()
	a := o.types("", "users", "show", name)
	require.Zero(o.t, a.code, a.stderr)
	var user map[string]any
	require.NoError(o.t, json.Unmarshal([]byte(a.stdout), &user))
	return user, a.stderr
}

func TestDuplicatesAreListedPreviewedMergedAndUnmerged(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	require.Empty(t, o.listed("users", "duplicates"))
	require.Empty(t, o.listed("users", "merges"))
	retired, survivor := o.duplicates("UNION")
	o.ok("users", "grant-role", retired, "admin")
	require.Equal(t, []map[string]any{{
		"retired": retired, "survivor": survivor, "platform": "wechat", "open_platform": "main/自家", "unionid": "UNION",
	}}, o.listed("users", "duplicates"))

	preview := o.ok("users", "merge", retired, survivor)
	for _, says := range []string{
		retired + " would be retired", "moves    account wechat wx1 one of UNION", "roles and claims of " +
			retired + ": admin",
		"no sessions", "to merge: lingpai users merge " + retired + " " + survivor + " --yes",
	} {
		require.Contains(t, preview, says)
	}
	require.Empty(t, o.listed("users", "merges"), "it was a preview")

	require.Contains(t, o.ok("users", "merge", retired, survivor, "--yes"), "merged "+retired+" into "+survivor+
		": 1 account, no unions")
	require.Empty(t, o.listed("users", "duplicates"))
	joins := o.listed("users", "merges")
	require.Len(t, joins, 1)
	require.EqualValues(t, 1, joins[0]["accounts"])
	require.NotContains(t, joins[0], "undone_at")
	user, aside := o.shown(retired)
	require.Equal(t, survivor, user["merged_into"])
	require.Empty(t, user["accounts"])
	require.Contains(t, aside, retired+" was merged into "+survivor)
	user, aside = o.shown(survivor)
	require.Len(t, user["accounts"], 2)
	require.Empty(t, aside)
	require.Contains(t, o.ok("users", "list"), "merged into "+survivor)
	require.Equal(t, []string{survivor}, o.seen(atApp("wx1", "one of UNION", "UNION")))

	id := joins[0]["id"].(string)
	require.Contains(t, o.ok("users", "unmerge", id), "restored "+retired+" with 1 account, no unions")
	require.NotEmpty(t, o.listed("users", "merges")[0]["undone_at"])
	user, aside = o.shown(retired)
	require.Len(t, user["accounts"], 1)
	require.Equal(t, []any{"admin"}, user["roles"])
	require.Empty(t, aside)
	require.Contains(t, o.refused("users", "unmerge", id), "there is no merge "+`"`+id+`", or it was undone`)
}

func TestAUserNameMovesToASurvivorWithoutOne(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith("a good password", "users", "create", "alice")
	o.okWith("a good password", "users", "create", "bob")
	nameless := o.seen(atApp("wx1", "openid", ""))[0]
	require.Contains(t, o.ok("users", "merge", "ALICE", nameless), `moves    user name "alice"`)
	require.Contains(t, o.ok("users", "merge", "alice", nameless, "--yes"), "user name and password")
	named, _ := o.shown("alice")
	require.Equal(t, nameless, named["sub"])
	require.Equal(t, true, named["has_password"])
	require.Contains(t, o.ok("users", "merge", "bob", "alice"), `keeps    user name "bob"`)
	o.ok("users", "disable", "bob")
	require.Contains(t, o.ok("users", "merge", "bob", "alice"), "is disabled, and could sign in again as "+nameless)
	require.Contains(t, o.ok("users", "merge", "alice", "bob"), "is disabled, so "+nameless+
		" could no longer sign in either")
}

// TestUnmergeWarnsAboutWhatMayBelongToTheOther undoes a wrong merge after both people have signed in at other apps.
func TestUnmergeWarnsAboutWhatMayBelongToTheOther(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	subs := o.seen(atApp("wx1", "theirs", "THEIRS"), atApp("wx2", "own", "OWN"))
	wrong, survivor := subs[0], subs[1]
	o.ok("users", "merge", wrong, survivor, "--yes")
	require.Equal(t, []string{survivor, survivor}, o.seen(atApp("wx3", "third", "THEIRS"),
		atApp("wx4", "fo\nurth", "OWN")))
	told := o.ok("users", "unmerge", o.listed("users", "merges")[0]["id"].(string))
	require.Contains(t, told, "restored "+wrong+" with 2 accounts, 1 union")
	require.Contains(t, told, "  warning  "+survivor+
		" keeps the account wechat wx4 fo\ufffdurth, which was added after the merge")
	require.NotContains(t, told, "wx3")
	require.Equal(t, []string{wrong, survivor}, o.seen(atApp("wx5", "fifth", "THEIRS"), atApp("wx5", "sixth", "OWN")))
}

func TestUsersWhoCannotBeMergedOrUnmergedAreUnchanged(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	retired, survivor := o.duplicates("UNION")
	rival, heir := o.seen(atApp("wx2", "openid", ""))[0], o.seen(atApp("wx3", "openid", ""))[0]
	for _, yes := range [][]string{nil, {"--yes"}} {
		join := func(a, b string) string { return o.refused(append([]string{"users", "merge", a, b}, yes...)...) }
		require.Contains(t, join("nobody", survivor), `there is no user "nobody"`)
		require.Contains(t, join(retired, "nobody"), `there is no user "nobody"`)
		require.Contains(t, join(retired, retired),
			"these users cannot be merged: "+retired+" cannot be merged with itself")
		require.Contains(t, join(rival, survivor), `these users cannot be merged: both users have an account at "wx2"`)
	}
	require.Contains(t, o.refused("users", "merge", retired), "usage: lingpai users merge RETIRED SURVIVOR")
	require.Contains(t, o.refused("users", "unmerge", "nothing"), `there is no merge "nothing"`)
	require.Contains(t, o.refused("users", "show", "nobody"), `there is no user "nobody"`)
	require.Empty(t, o.listed("users", "merges"))

	o.ok("users", "merge", retired, survivor, "--yes")
	require.Contains(t, o.refused("users", "merge", retired, heir),
		"these users cannot be merged: "+retired+" was already merged into "+
			survivor)
	o.ok("users", "merge", survivor, heir, "--yes")
	user, _ := o.shown(retired)
	require.Equal(t, heir, user["merged_into"])
	joins := o.listed("users", "merges")
	require.Contains(t, o.refused("users", "unmerge", joins[1]["id"].(string)), "these users cannot be merged: merge "+
		joins[0]["id"].(string)+" was made later and must be undone first")
	o.ok("users", "unmerge", joins[0]["id"].(string))
	o.ok("users", "unmerge", joins[1]["id"].(string))
}

func TestDuplicatesAreListedPageByPage(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	for _, union := range []string{"a", "b", "c"} {
		o.duplicates(union)
	}
	rows := o.listed("users", "duplicates")
	require.Len(t, rows, 3)
	first := o.types("", "users", "duplicates", "--limit", "2")
	after := "wechat/main/自家/b/" + rows[1]["retired"].(string)
	require.Contains(t, first.stderr, `continue with --after "`+after+`"`)
	require.Equal(t, rows[2:], o.listed("users", "duplicates", "--limit", "2", "--after", after))
	require.Contains(t, o.refused("users", "duplicates", "--after", "u_x"),
		"--after: use the value that the command printed")
	for _, command := range []string{"twins", "joins"} {
		require.Contains(t, o.refused("users", command, "--limit", "0"), "--limit: must be at least 1")
	}
}
