package pages_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/provider/pages"
)

// catalog returns the words in a language, and their keys in the order of the file.
func catalog(t *testing.T, lang string) (words map[string]string, keys []string) {
	t.Helper()
	text, err := os.ReadFile("words/" + lang + ".json")
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(text, &words))
	for _, line := range regexp.MustCompile(`(?m)^  "([^"]+)":`).FindAllStringSubmatch(string(text), -1) {
		keys = append(keys, line[1])
	}
	return words, keys
}

// TestCatalogsAreEqual: the same keys in the same order, once each, with the same values in the texts.
func TestCatalogsAreEqual(t *testing.T) {
	t.Parallel()
	english, order := catalog(t, "en")
	require.Len(t, english, len(order), "a key is there twice")
	value := regexp.MustCompile(`\{\w+\}`)
	for _, lang := range pages.Languages() {
		words, keys := catalog(t, lang)
		require.Equal(t, order, keys, lang)
		for _, key := range keys {
			values, want := value.FindAllString(words[key], -1), value.FindAllString(english[key], -1)
			slices.Sort(values)
			slices.Sort(want)
			require.NotEmpty(t, words[key], key)
			if !strings.HasSuffix(key, ".one") { // "an hour ago"
				require.Equal(t, want, values, key)
			}
		}
	}
}

// TestChineseIsChinese: its texts are in Chinese, with Chinese punctuation. A name that anybody may have chosen is in
// quotation marks: it is often Chinese itself, and Chinese has no spaces between words.
func TestChineseIsChinese(t *testing.T) {
	t.Parallel()
	words, _ := catalog(t, "zh-CN")
	for key, text := range words {
		require.Equal(t, key != "other_language", strings.ContainsFunc(text, func(r rune) bool {
			return unicode.Is(unicode.Han, r)
		}), key)
		require.NotRegexp(t, `[,;:?!]|\p{Han}\.`, text, key)
		require.NotRegexp(t, `[^“]\{(client|device)\}|\{(client|device)\}[^”]`, "^"+text+"$", key)
	}
}

// TestAllWordsAreUsed looks for each key in the templates and the code, or for the group that it is chosen from.
func TestAllWordsAreUsed(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("templates/*.html")
	require.NoError(t, err)
	var uses strings.Builder
	for _, file := range append(files, "words.go") {
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		uses.Write(text)
	}
	groups := regexp.MustCompile(`^(problem|error|scope|way|hint|scan_over|scan_done|consent\.risk)\.`)
	_, keys := catalog(t, "en")
	for _, key := range keys {
		key = strings.NewReplacer(".seconds.", ".", ".minutes.", ".").Replace(key)
		base := strings.TrimSuffix(strings.TrimSuffix(key, ".one"), ".other")
		group := groups.FindString(base)
		require.True(t, strings.Contains(uses.String(), `"`+base+`"`) ||
			group != "" && strings.Contains(uses.String(), `"`+group+`"`), key)
	}
}

// TestScopesAreInWords: people do not know the names of scopes. Only clients themselves get an app-level token.
func TestScopesAreInWords(t *testing.T) {
	t.Parallel()
	words, _ := catalog(t, "en")
	for _, scope := range oauth.Scopes() {
		require.Equal(t, scope != oauth.ScopeWechatAppToken, words["scope."+scope] != "", scope)
	}
	consent := pages.Consent{Scopes: []string{"phone", "orders.read"}}
	document := parsed(t, render(newPages(t, newTheme(t)), "en", consent))
	listed := elements(document, "li")
	require.Equal(t, "See your phone number", textOf(listed[0]))
	require.Equal(t, "Use the permission orders.read", textOf(listed[1]))
}
