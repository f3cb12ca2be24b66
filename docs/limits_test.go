package docs_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"unicode"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/test/harness"
)

// limitsTable is the table of a page between the two comments, with the first comment as its first group.
var limitsTable = regexp.MustCompile(`(?s)(<!-- limits: [^\n]*-->\n)(.*?)<!-- end of limits -->`)

// limitSettings are the settings of limits that have one of their own.
func limitSettings() map[limits.Name]string {
	return map[limits.Name]string{limits.PasswordAddress: "password.address_attempts",
		limits.AddressRegistrations: "account.address_registrations", limits.Registrations: "account.registrations"}
}

// TestLimitsAreDocumented compares the English table with that of the program. With -update it writes it instead. The
// Chinese one must have the same names and rates, and Chinese descriptions.
func TestLimitsAreDocumented(t *testing.T) {
	var table strings.Builder
	table.WriteString("| name | what is counted | separately for each | default | change it with |\n" +
		"|---|---|---|---|---|\n")
	chineseText := harness.Document(t, chinese(settingsPage))
	rows := limitsTable.FindStringSubmatch(chineseText)
	require.NotNil(t, rows)
	require.Equal(t, len(limits.All())+2, strings.Count(rows[2], "\n"))
	for _, limit := range limits.All() {
		setting := "limits.overrides"
		if own, has := limitSettings()[limit.Name]; has {
			setting = own
		}
		fmt.Fprintf(&table, "| `%s` | %s | %s | `%s` | `%s` |\n", limit.Name, limit.Of, limit.By, limit.Rate, setting)
		row := regexp.MustCompile(fmt.Sprintf("(?m)^\\| `%s` \\| (.+) \\| (.+) \\| `%s` \\| `%s` \\|$", limit.Name,
			limit.Rate, regexp.QuoteMeta(setting))).FindStringSubmatch(rows[2])
		require.NotNil(t, row, limit.Name)
		for _, text := range row[1:] {
			require.True(t, strings.ContainsFunc(text, func(r rune) bool { return unicode.Is(unicode.Han, r) }), text)
		}
	}
	text := harness.Document(t, settingsPage)
	require.Regexp(t, limitsTable, text)
	want := limitsTable.ReplaceAllStringFunc(text, func(old string) string {
		return limitsTable.FindStringSubmatch(old)[1] + table.String() + "<!-- end of limits -->"
	})
	if *update {
		require.NoError(t, os.WriteFile(harness.Path(settingsPage), []byte(want), 0o600))
		return
	}
	require.Equal(t, want, text, "%s is out of date: go test ./docs -run Limits -update", settingsPage)
}
