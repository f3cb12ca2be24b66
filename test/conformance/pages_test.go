package conformance_test

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

var update = flag.Bool("update", false, "write the results into docs/conformance.md and docs/conformance.zh-CN.md")

// Reasons of results.
const (
	reasonRegistration  = "only for clients that register themselves"
	reasonRequestObject = "refused as `request_not_supported`"
	reasonEmail         = "the ID token has `email`, too"
	reasonACR           = "the ID token has no `acr`"
	reasonClaims        = "userinfo has no `name`"
	reasonErrorPage     = "screenshot of the error page"
	reasonSecondSignIn  = "screenshot of the second sign-in"
	reasonSignedOut     = "screenshot of the page that says so"
)

// inChinese are the words of the Chinese page.
var inChinese = map[string]string{
	string(passed): "通过", string(warning): "警告", string(skipped): "跳过", withReason: "%s（%s）",
	reasonRegistration:  "只适用于自行注册的客户端",
	reasonRequestObject: "以 `request_not_supported` 拒绝",
	reasonEmail:         "ID 令牌里也有 `email`",
	reasonACR:           "ID 令牌里没有 `acr`",
	reasonClaims:        "userinfo 里没有 `name`",
	reasonErrorPage:     "错误页截图",
	reasonSecondSignIn:  "第二次登录的截图",
	reasonSignedOut:     "已退出页面的截图",

	"userinfo lacks `given_name`, `family_name`, `middle_name`, `profile`, `website`, `birthdate`, `zoneinfo`": "" +
		"userinfo 里没有 `given_name`、`family_name`、`middle_name`、`profile`、`website`、`birthdate`、`zoneinfo`",
	"not registered with IANA: `resource_indicators_supported`, `revocation_list_uri`": "" +
		"未在 IANA 登记：`resource_indicators_supported`、`revocation_list_uri`",
}

// withReason is the form of a cell with a reason.
const withReason = "%s (%s)"

// comparePages compares the results of all plans that have run with the tables of the pages. Each row is a module, with
// a cell for each of its plans, or a plan, with the number of modules that ended in each way.
func comparePages(t *testing.T, results map[string]*result) {
	t.Helper()
	cells := map[string][]result{}
	counts := map[string]map[outcome]int{}
	for _, p := range plans {
		counts[p.name] = map[outcome]int{}
		for _, m := range p.modules {
			r := *results[key(p, m)]
			if r.outcome == notRun { // it has failed, or was left out by -run
				t.Log("the pages are not compared")
				return
			}
			cells[m.name] = append(cells[m.name], r)
			counts[p.name][r.outcome]++
		}
	}
	for page, say := range map[string]func(string) string{
		"docs/conformance.md":       func(text string) string { return text },
		"docs/conformance.zh-CN.md": func(text string) string { return chinese(t, text) },
	} {
		rows := map[string][]string{}
		for name, outcomes := range counts {
			for _, o := range []outcome{passed, warning, skipped} {
				rows[name] = append(rows[name], fmt.Sprint(outcomes[o]))
			}
		}
		for name, outcomes := range cells {
			for _, r := range outcomes {
				rows[name] = append(rows[name], cell(r, say))
			}
		}
		comparePage(t, page, rows)
	}
}

// cell returns a result as the cell of a table.
func cell(r result, say func(string) string) string {
	if r.reason == "" {
		return say(string(r.outcome))
	}
	return fmt.Sprintf(say(withReason), say(string(r.outcome)), say(r.reason))
}

func chinese(t *testing.T, text string) string {
	t.Helper()
	require.Contains(t, inChinese, text)
	return inChinese[text]
}

// comparePage compares the last cells of the rows of a page, or writes them.
func comparePage(t *testing.T, page string, rows map[string][]string) {
	t.Helper()
	text := harness.Document(t, page)
	lines := strings.Split(text, "\n")
	for n, line := range lines {
		if !strings.HasPrefix(line, "| `oidcc-") {
			continue
		}
		found := strings.Split(strings.Trim(line, "| "), " | ")
		name := strings.Trim(found[0], "`")
		require.Contains(t, rows, name, page)
		require.Greater(t, len(found), len(rows[name])+1, "%s: %s", page, line)
		found = append(found[:len(found)-len(rows[name])], rows[name]...)
		lines[n] = "| " + strings.Join(found, " | ") + " |"
		delete(rows, name)
	}
	require.Empty(t, rows, "%s has no row for these", page)
	want := strings.Join(lines, "\n")
	if *update {
		require.NoError(t, os.WriteFile(harness.Path(page), []byte(want), 0o644))
		return
	}
	require.Equal(t, want, text, "run go test ./test/conformance -update, and look at the changes")
}
