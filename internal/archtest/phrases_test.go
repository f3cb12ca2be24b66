package archtest_test

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// phrase is a phrase to avoid in comments, texts and pages, with what to write instead.
type phrase struct {
	name    string
	advice  string
	pattern *regexp.Regexp
}

// TestPhrases searches comments, texts that users see, and English pages for the phrases of phrases.txt.
func TestPhrases(t *testing.T) {
	phrases, exceptions := readPhrases(t), readLines(t, "phrases_exceptions.txt")
	used := map[string]bool{}
	for _, file := range trackedFiles(t) {
		for _, found := range phrasesIn(phrases, proseOf(t, file)) {
			exception := file + ": " + found.name
			used[exception] = true
			if !slices.Contains(exceptions, exception) {
				t.Errorf("%s has %q; instead: %s", file, found.name, found.advice)
			}
		}
	}
	for _, exception := range exceptions {
		require.True(t, used[exception], "an unused exception: %s", exception)
	}
}

func TestPhrasesAreFoundAsWholeWords(t *testing.T) {
	phrases := []phrase{newPhrase("says whether", ""), newPhrase("twin*", "")}
	require.Len(t, phrasesIn(phrases, "It says\n// whether. Twins"), 2)
	require.Empty(t, phrasesIn(phrases, "says whethers; intwine"))
}

func newPhrase(name, advice string) phrase {
	words := strings.Fields(strings.ReplaceAll(regexp.QuoteMeta(name), `\*`, `\p{L}*`))
	return phrase{name, advice, regexp.MustCompile(`(?i)\b` + strings.Join(words, `[\s/>*]+`) + `\b`)}
}

func phrasesIn(phrases []phrase, text string) (found []phrase) {
	for _, p := range phrases {
		if p.pattern.MatchString(text) {
			found = append(found, p)
		}
	}
	return found
}

func readPhrases(t *testing.T) (phrases []phrase) {
	t.Helper()
	for _, line := range readLines(t, "phrases.txt") {
		name, advice, ok := strings.Cut(line, ": ")
		require.True(t, ok, line)
		phrases = append(phrases, newPhrase(name, advice))
	}
	return phrases
}

func readLines(t *testing.T, name string) (lines []string) {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	for line := range strings.Lines(string(text)) {
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "#") {
			lines = append(lines, line)
		}
	}
	return lines
}

// trackedFiles returns the Go files and English pages of the repository, by their paths from its root.
func trackedFiles(t *testing.T) []string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "git", "ls-files", "*.go", "*.md")
	cmd.Dir = root
	out, err := cmd.Output()
	require.NoError(t, err)
	files := strings.Fields(string(out))
	require.Greater(t, len(files), 500)
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, ".zh-CN.md") })
}

// proseOf returns the prose in a file: a page without its code, the comments of a Go file, and its string literals if
// it is not a test.
func proseOf(t *testing.T, file string) string {
	t.Helper()
	source, err := os.ReadFile(filepath.Join(root, file))
	require.NoError(t, err)
	if strings.HasSuffix(file, ".md") {
		return regexp.MustCompile("(?ms)^ *```.*?^ *```$|`[^`\n]+`").ReplaceAllString(string(source), "")
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), file, source, parser.ParseComments)
	require.NoError(t, err)
	var prose strings.Builder
	for _, group := range parsed.Comments {
		fmt.Fprintln(&prose, group.Text())
	}
	if strings.HasSuffix(file, "_test.go") {
		return prose.String()
	}
	ast.Inspect(parsed, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			fmt.Fprintln(&prose, text.Value)
		}
		return true
	})
	return prose.String()
}
