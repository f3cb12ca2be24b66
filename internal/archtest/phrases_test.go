package archtest_test

import (
	"go/ast"
	"go/token"
	"os"
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
	check := func(file, prose string) {
		for _, found := range phrasesIn(phrases, prose) {
			exception := file + ": " + found.name
			used[exception] = true
			if !slices.Contains(exceptions, exception) {
				t.Errorf("%s has %q; instead: %s", file, found.name, found.advice)
			}
		}
	}
	for _, file := range goFiles(t) {
		check(file.name, proseOf(file))
	}
	require.NoError(t, walk(".md", func(name, text string) error {
		if !strings.HasSuffix(name, ".zh-CN.md") {
			check(name, programs.ReplaceAllString(text, ""))
		}
		return nil
	}))
	for _, exception := range exceptions {
		require.True(t, used[exception], "an unused exception: %s", exception)
	}
}

// programs are what a page shows of code.
var programs = regexp.MustCompile("(?ms)^ *```.*?^ *```$|`[^`\n]+`")

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

// proseOf returns the comments of a file, and its texts too if it is no test.
func proseOf(file goFile) string {
	var prose strings.Builder
	for _, group := range file.syntax.Comments {
		prose.WriteString(group.Text() + "\n")
	}
	if file.isTest() {
		return prose.String()
	}
	ast.Inspect(file.syntax, func(n ast.Node) bool {
		if text, ok := n.(*ast.BasicLit); ok && text.Kind == token.STRING {
			prose.WriteString(text.Value + "\n")
		}
		return true
	})
	return prose.String()
}
