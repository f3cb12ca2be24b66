package docs_test

import (
	"flag"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/test/harness"
)

const settingsPage = "docs/guide/configuration.md"

var update = flag.Bool("update", false, "write the tables of docs/guide/configuration.md and its Chinese page")

// settingsTable is the table of a page between the two comments, with the first comment as its first group.
var settingsTable = regexp.MustCompile(`(?s)(<!-- settings: [^\n]*-->\n).*?(<!-- end of settings -->)`)

// settingsRow is a row of the table: the key, and what people wrote about it.
var settingsRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\|.*?\\|.*?\\| (.+) \\|$")

// TestSettingsAreDocumented compares the tables with the settings that there are: keys, variables and defaults, and
// in English the descriptions. With -update it writes the tables instead.
func TestSettingsAreDocumented(t *testing.T) {
	written := map[string]string{}
	for _, row := range settingsRow.FindAllStringSubmatch(harness.Document(t, chinese(settingsPage)), -1) {
		written[row[1]] = row[2]
	}
	tables := map[string]string{
		settingsPage: renderSettings([]string{"key", "variable", "default", "meaning"}, "secret",
			func(k settings.Key) string { return k.Usage }),
		chinese(settingsPage): renderSettings([]string{"配置项", "环境变量", "默认值", "说明"}, "机密",
			func(k settings.Key) string { return written[k.Name] }),
	}
	for page, table := range tables {
		text := harness.Document(t, page)
		require.Regexp(t, settingsTable, text, page)
		want := settingsTable.ReplaceAllStringFunc(text, func(old string) string {
			marks := settingsTable.FindStringSubmatch(old)
			return marks[1] + table + marks[2]
		})
		if *update {
			require.NoError(t, os.WriteFile(harness.Path(page), []byte(want), 0o600))
		} else {
			require.Equal(t, want, text, "%s is out of date: go test ./docs -run Settings -update", page)
		}
	}
	for _, key := range settings.Keys() {
		requireTranslated(t, key, written[key.Name])
	}
}

// requireTranslated requires a Chinese description that leaves out none of the numbers of the English one.
func requireTranslated(t *testing.T, key settings.Key, text string) {
	t.Helper()
	require.True(t, key.Name == "log.format" || strings.ContainsFunc(text, func(r rune) bool {
		return unicode.Is(unicode.Han, r)
	}), "%s has no Chinese description", key.Name)
	for _, number := range regexp.MustCompile(`\b\d+(?:ms|[smh])?\b`).FindAllString(key.Usage, -1) {
		require.Regexp(t, `(^|\D)`+number+`(\D|$)`, text, "%s: %s", key.Name, number)
	}
}

// renderSettings renders the table of all settings.
func renderSettings(head []string, secret string, description func(settings.Key) string) string {
	var table strings.Builder
	fmt.Fprintf(&table, "| %s |\n|%s\n", strings.Join(head, " | "), strings.Repeat("---|", len(head)))
	for _, key := range settings.Keys() {
		fallback := ""
		if key.Default != "" {
			fallback = "`" + key.Default + "`"
		}
		if key.Secret {
			fallback = strings.TrimSpace(fallback + " *" + secret + "*")
		}
		fmt.Fprintf(&table, "| `%s` | `%s` | %s | %s |\n", key.Name, key.Variable, fallback, description(key))
	}
	return table.String()
}
