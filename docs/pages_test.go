package docs_test

import (
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

var heading = regexp.MustCompile(`(?m)^(#+) (.*)$`)

// pages returns the English page of every document in two languages except the front page.
func pages(t *testing.T) (english []string) {
	t.Helper()
	for _, pattern := range []string{"[CU]*.zh-CN.md", "docs/*.zh-CN.md", "docs/migrate/*.zh-CN.md",
		"docs/pages/*.zh-CN.md", "deploy/*.zh-CN.md", "sdk/*/*.zh-CN.md"} {
		found, err := filepath.Glob(harness.Path(pattern))
		require.NoError(t, err)
		for _, page := range found {
			page, err := filepath.Rel(harness.Path("."), page)
			require.NoError(t, err)
			english = append(english, filepath.ToSlash(strings.TrimSuffix(page, ".zh-CN.md")+".md"))
		}
	}
	require.Greater(t, len(english), 10)
	return english
}

func chinese(page string) string { return strings.TrimSuffix(page, ".md") + ".zh-CN.md" }

// TestPagesAreEqual compares the pages of both languages: the same sections, tables, programs and commands.
func TestPagesAreEqual(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\|`)
	for _, page := range append(guide(t), pages(t)...) {
		one, other := harness.Document(t, page), harness.Document(t, chinese(page))
		require.Equal(t, harness.Fenced(one), harness.Fenced(other), page)
		require.Equal(t, levels(one), levels(other), page)
		require.Len(t, rows.FindAllString(other, -1), len(rows.FindAllString(one, -1)), page)
	}
}

func levels(page string) (found []string) {
	for _, h := range heading.FindAllStringSubmatch(harness.Prose(page), -1) {
		found = append(found, h[1])
	}
	return found
}

// TestLinksResolve follows the links of all documents, to files and to headings.
func TestLinksResolve(t *testing.T) {
	documents := []string{"README.md", "README.zh-CN.md", "SECURITY.md", "CHANGELOG.md", "docs/architecture.md",
		"docs/errors.md"}
	for _, page := range append(guide(t), pages(t)...) {
		documents = append(documents, page, chinese(page))
	}
	decisions, err := filepath.Glob(harness.Path("docs/adr/*.md"))
	require.NoError(t, err)
	require.NotEmpty(t, decisions)
	for _, file := range decisions {
		documents = append(documents, "docs/adr/"+filepath.Base(file))
	}
	links := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]+))?\)`)
	for _, page := range documents {
		for _, link := range links.FindAllStringSubmatch(harness.Prose(harness.Document(t, page)), -1) {
			target := path.Join(path.Dir(page), link[1])
			if link[1] == "" {
				target = page
			}
			_, err := os.Stat(harness.Path(target))
			require.NoError(t, err, page)
			if link[2] != "" {
				require.Contains(t, anchors(t, target), link[2], page)
			}
		}
	}
}

// anchors returns the fragments that link to the headings of a page.
func anchors(t *testing.T, page string) (names []string) {
	t.Helper()
	for _, h := range heading.FindAllStringSubmatch(harness.Document(t, page), -1) {
		names = append(names, strings.Map(func(r rune) rune {
			switch {
			case r == ' ':
				return '-'
			case unicode.IsLetter(r), unicode.IsDigit(r), r == '-', r == '_':
				return unicode.ToLower(r)
			}
			return -1
		}, h[2]))
	}
	return names
}
