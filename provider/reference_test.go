package provider

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// allRoutes returns the rows of a provider whose issuer has no path. Their handlers do not work.
func allRoutes() []route {
	errs := newErrorWriter(slog.New(slog.DiscardHandler))
	return slices.Concat((Config{}).routes("", newSlots(0, errs), errs), browserRoutes("", nil),
		scanEndpoint{}.routes("/scan", errs), wechatDataRoutes("/wechat", nil, errs),
		pushEndpoint{errs: errs}.routes(""),
		(&accountAPI{errs: errs}).routes("/account/v1"), wechatFileRoutes("", map[string][]byte{"NAME.txt": nil}))
}

// documentedRoute is a row of the first table in docs/guide/http.md: methods, path, and which scripts may call it.
var documentedRoute = regexp.MustCompile("(?m)^\\| ([^|]+) \\| \\[`(/[^`]*)`\\]\\(#[^)]+\\) \\| [^|]+ \\| ([^|]+) \\|$")

// TestReferenceHasEveryRoute compares docs/guide/http.md, in both languages, with the table of routes: every path has
// a row with its methods and its CORS policy, and every POST, PUT and DELETE a section, which may be that of the GET.
func TestReferenceHasEveryRoute(t *testing.T) {
	for page, words := range map[string]struct {
		any  string
		cors map[string]corsPolicy
	}{
		"../docs/guide/http.md": {"any", map[string]corsPolicy{
			"none": corsNone, "registered origins": corsRegistered, "any origin": corsAny}},
		"../docs/guide/http.zh-CN.md": {"任意", map[string]corsPolicy{
			"无": corsNone, "登记的来源": corsRegistered, "任何来源": corsAny}},
	} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		want := map[string][]string{}
		policies, gets := map[string]corsPolicy{}, map[string]bool{}
		for _, row := range allRoutes() {
			gets[row.path] = gets[row.path] || slices.Contains(row.methods, "GET")
			want[row.path], policies[row.path] = append(want[row.path], row.methods...), row.cors
			for _, method := range row.methods {
				if method == "POST" && gets[row.path] {
					continue
				}
				if method != "GET" && method != "HEAD" {
					require.Contains(t, string(text), "\n### `"+method+" "+row.path+"`\n", page)
				}
			}
		}
		documented := map[string][]string{}
		for _, row := range documentedRoute.FindAllStringSubmatch(string(text), -1) {
			methods := []string(nil)
			if row[1] != words.any {
				methods = strings.Split(row[1], ", ")
			}
			documented[row[2]] = methods
			require.Contains(t, words.cors, row[3], page)
			require.Equal(t, words.cors[row[3]], policies[row[2]], "%s: %s", page, row[2])
		}
		require.Equal(t, want, documented, page)
	}
}

// TestReferenceHasEveryMember requires that the section of each call of the account API names what its body may have.
func TestReferenceHasEveryMember(t *testing.T) {
	for _, page := range []string{"../docs/guide/http.md", "../docs/guide/http.zh-CN.md"} {
		text, err := os.ReadFile(page)
		require.NoError(t, err)
		for _, call := range (&accountAPI{}).calls() {
			_, section, found := strings.Cut(string(text), "\n### `"+call.method+" /account/v1"+call.below+"`\n")
			require.True(t, found, "%s: %s", page, call.below)
			section, _, _ = strings.Cut(section, "\n##")
			for _, member := range call.members {
				require.Contains(t, section, "`"+member+"`", "%s: %s", page, call.below)
			}
		}
	}
}
