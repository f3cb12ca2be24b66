package docs_test

import (
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// guide returns the English pages of the guide.
func guide(t *testing.T) (names []string) {
	t.Helper()
	files, err := filepath.Glob(harness.Path("docs/guide/*.md"))
	require.NoError(t, err)
	for _, file := range files {
		if !strings.HasSuffix(file, ".zh-CN.md") {
			names = append(names, "docs/guide/"+filepath.Base(file))
		}
	}
	require.Len(t, names, 14)
	return names
}

// TestGuideHasNavigation requires that each page of the guide begins with links to its other language, to the front
// page and to all other pages, and that the front page links to it.
func TestGuideHasNavigation(t *testing.T) {
	for _, page := range guide(t) {
		for _, side := range []struct{ page, other, front string }{
			{page, chinese(page), "README.md"}, {chinese(page), page, "README.zh-CN.md"},
		} {
			navigation := strings.SplitN(harness.Document(t, side.page), "\n", 4)[2]
			require.Contains(t, navigation, "]("+filepath.Base(side.other)+")", side.page)
			require.Contains(t, navigation, "](../../"+side.front+")", side.page)
			for _, name := range guide(t) {
				if side.page != page {
					name = chinese(name)
				}
				if name != side.page {
					require.Contains(t, navigation, "]("+filepath.Base(name)+")", side.page)
				}
			}
			require.Contains(t, harness.Document(t, side.front), "]("+side.page+")")
		}
	}
}

// TestFrontPageIsShort holds the front page to what people read: what it is, two commands, and where to go on.
func TestFrontPageIsShort(t *testing.T) {
	for _, page := range []string{"README.md", "README.zh-CN.md"} {
		text := harness.Document(t, page)
		require.LessOrEqual(t, strings.Count(text, "\n"), 250, page)
		contents := regexp.MustCompile(`(?m)^\* \[([^\]]+)\]\(#[^)]+\)$`).FindAllStringSubmatch(text, -1)
		var listed, headings []string
		for _, entry := range contents {
			listed = append(listed, entry[1])
		}
		for _, h := range heading.FindAllStringSubmatch(harness.Prose(text), -1)[3:] { // title, what you get, contents
			headings = append(headings, h[2])
		}
		require.Equal(t, headings, listed, page)
		require.Less(t, strings.Index(text, "go run ./cmd/lingpai dev"), 2500, "%s: they are in the first screen", page)
	}
}

// TestFrontPageCommandsAreInTheGuide, which .ci/guide runs, or are those of the first screen.
func TestFrontPageCommandsAreInTheGuide(t *testing.T) {
	steps := harness.Document(t, "docs/guide/own-appid.md")
	_, own, found := strings.Cut(harness.Document(t, "README.md"), "\n## With your own AppID\n")
	require.True(t, found)
	for line := range strings.Lines(harness.Fenced(own)[0]) {
		require.Contains(t, steps, line)
	}
}

// TestExamplesPinTheAlgorithm: jose accepts any algorithm that fits the key unless it is told which.
func TestExamplesPinTheAlgorithm(t *testing.T) {
	found := 0
	for _, page := range slices.Concat(guide(t), pages(t), []string{"README.md", "README.zh-CN.md"}) {
		for _, block := range harness.Fenced(harness.Document(t, page)) {
			for _, call := range regexp.MustCompile(`(?s)jwtVerify\(.*?\)\n`).FindAllString(block, -1) {
				found++
				require.Contains(t, call, "algorithms: ['", page)
			}
		}
	}
	require.GreaterOrEqual(t, found, 4)
}

// TestFrontPageClientWorksWithEveryAPI requires that the client of the front page, which is also the guide's, has the
// audience and the scopes that the APIs on all pages ask for.
func TestFrontPageClientWorksWithEveryAPI(t *testing.T) {
	create := regexp.MustCompile(`(?s)clients create my-mini-program --public.*?--scope orders\.read\n`)
	client := create.FindString(harness.Document(t, "README.md"))
	require.NotEmpty(t, client)
	for _, page := range []string{"README.zh-CN.md", "docs/guide/own-appid.md", "docs/guide/own-appid.zh-CN.md"} {
		require.Equal(t, client, create.FindString(harness.Document(t, page)), page)
	}
	require.Contains(t, client, "--audience "+harness.Audience+" ")
	asks := regexp.MustCompile(`(?:[rR]equireScope|requiredScopes|includes)\(["']([\w.]+)["']\)`)
	var asked []string
	for _, page := range slices.Concat(guide(t), pages(t), []string{"sdk/verify/README.md"}) {
		for _, block := range harness.Fenced(harness.Document(t, page)) {
			for _, scope := range asks.FindAllStringSubmatch(block, -1) {
				asked = append(asked, scope[1])
			}
		}
	}
	require.Contains(t, asked, "api")
	require.Contains(t, asked, "orders.read")
	for _, scope := range asked {
		require.Regexp(t, `--scope `+regexp.QuoteMeta(scope)+`\s`, client)
	}
}

// TestTroublesHaveTexts requires, in both languages, texts about what only an operator or a user can end.
func TestTroublesHaveTexts(t *testing.T) {
	for page, texts := range map[string][]string{
		"docs/guide/troubleshooting.md": {"`wechat_errcode` 40226", "The app of the client is not registered here",
			"`lingpai apps add APPID`", "default_query_exec_mode=exec"},
		"docs/guide/replicas.md": {"target_session_attrs=read-write", "default_query_exec_mode=exec"},
	} {
		for _, text := range texts {
			require.Contains(t, harness.Document(t, page), text, page)
			require.Contains(t, harness.Document(t, chinese(page)), text, chinese(page))
		}
	}
}
