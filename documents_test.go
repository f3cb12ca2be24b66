package lingpai

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"
)

var (
	fence   = regexp.MustCompile("(?ms)^ *```\\w+\n(.*?)^ *```$") // its group is what stands in the block
	heading = regexp.MustCompile(`(?m)^(#+) (.*)$`)
)

// pages are all documents in two languages but the front page, by the English one.
func pages(t *testing.T) (english []string) {
	t.Helper()
	for _, pattern := range []string{"docs/*.zh-CN.md", "docs/migrate/*.zh-CN.md", "deploy/*.zh-CN.md"} {
		found, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, page := range found {
			english = append(english, filepath.ToSlash(strings.TrimSuffix(page, ".zh-CN.md")+".md"))
		}
	}
	require.Greater(t, len(english), 8)
	return english
}

func chinese(page string) string { return strings.TrimSuffix(page, ".md") + ".zh-CN.md" }

// TestPagesAreEqual holds the pages of both languages against each other: the same sections, tables, links,
// programs and commands.
func TestPagesAreEqual(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\|`)
	for _, page := range pages(t) {
		one, other := readDocument(t, page), readDocument(t, chinese(page))
		require.Equal(t, fenced(one), fenced(other), page)
		require.Equal(t, levels(one), levels(other), page)
		require.Len(t, rows.FindAllString(other, -1), len(rows.FindAllString(one, -1)), page)
	}
}

func fenced(page string) (blocks []string) {
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

func levels(page string) (found []string) {
	for _, h := range heading.FindAllStringSubmatch(fence.ReplaceAllString(page, ""), -1) {
		found = append(found, h[1])
	}
	return found
}

// TestLinksLead follows the links of all documents, to files and to headings.
func TestLinksLead(t *testing.T) {
	documents := []string{"README.md", "README.zh-CN.md", "SECURITY.md", "CHANGELOG.md", "docs/architecture.md",
		"docs/errors.md", "sdk/verify/README.md", "sdk/miniprogram/README.md"}
	for _, page := range pages(t) {
		documents = append(documents, page, chinese(page))
	}
	links := regexp.MustCompile(`\]\(([^)#:]*)(?:#([^)]+))?\)`)
	for _, page := range documents {
		for _, link := range links.FindAllStringSubmatch(fence.ReplaceAllString(readDocument(t, page), ""), -1) {
			target := filepath.Join(filepath.Dir(page), filepath.FromSlash(link[1]))
			if link[1] == "" {
				target = page
			}
			_, err := os.Stat(target)
			require.NoError(t, err, page)
			if link[2] != "" {
				require.Contains(t, anchors(t, target), link[2], page)
			}
		}
	}
}

// anchors are the names by which a page's headings are linked to.
func anchors(t *testing.T, page string) (names []string) {
	t.Helper()
	for _, h := range heading.FindAllStringSubmatch(readDocument(t, page), -1) {
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
