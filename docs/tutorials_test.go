package docs_test

import (
	"path"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestTutorialsTableNamesTestsThatExist checks that the tests in the table of tutorials exist. A test is a
// function, or a sentence that names a test in JavaScript or a rule in storage/storagetest.
func TestTutorialsTableNamesTestsThatExist(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.* \| ([^|]+) \|$`)
	named := regexp.MustCompile("^\\[`([^:`]+): ([^`]+)`\\]\\(\\.\\./([^)]+)\\)$")
	english, chinese := rows.FindAllStringSubmatch(harness.Document(t, "docs/tutorials.md"), -1),
		rows.FindAllStringSubmatch(harness.Document(t, "docs/tutorials.zh-CN.md"), -1)
	require.Len(t, english, 34)
	require.Len(t, chinese, 34)
	for n, row := range english {
		require.Equal(t, strconv.Itoa(n+1), row[1])
		require.Equal(t, row[1:], chinese[n][1:], "the same tests in both languages")
		for test := range strings.SplitSeq(row[2], "<br>") {
			parts := named.FindStringSubmatch(test)
			require.NotNil(t, parts, "row %s: %s", row[1], test)
			folder, name, file := parts[1], parts[2], parts[3]
			require.Equal(t, folder, path.Dir(file), "row %s", row[1])
			want := "\nfunc " + name + "("
			if path.Ext(file) == ".js" {
				want = "\ntest('" + name + "'"
			} else if !regexp.MustCompile(`^(Test|Fuzz)[A-Z]`).MatchString(name) {
				want = `{"` + name + `", `
			}
			require.Contains(t, harness.Document(t, file), want, "row %s", row[1])
		}
	}
}
