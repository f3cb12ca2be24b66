package lingpai

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const module = "github.com/lingpai/lingpai/"

// rule says what a package may import of ours, and what it must not import of others' (by prefix). See
// docs/architecture.md.
type rule struct {
	may   []string
	never []string
}

func rules() map[string]rule {
	engines := []string{"gorm.io/", "modernc.org/", "github.com/jackc/", "github.com/redis/",
		"github.com/go-oauth2/", "github.com/lestrrat-go/"}
	storage := []string{"identity", "keys"}
	return map[string]rule{
		"identity":          {nil, append(engines, "net/http")},
		"keys":              {nil, []string{"gorm.io/", "github.com/redis/", "github.com/go-oauth2/", "net/http"}},
		"password":          {nil, append(engines, "net/http")},
		"wechat":            {nil, engines},
		"wechat/wechattest": {nil, engines},
		"wechat/qq":         {[]string{"wechat"}, engines},
		"wechat/qq/qqtest":  {nil, engines},
		"oauth":             {[]string{"identity"}, append(engines, "net/http/httptest")},
		"tokens":            {[]string{"identity", "keys", "oauth"}, append(engines, "net/http")},
		"limits":            {[]string{"identity", "oauth"}, append(engines, "net/http")},
		"clients":           {[]string{"identity", "oauth"}, engines},
		"signin": {[]string{"identity", "password", "wechat", "wechat/qq", "oauth", "limits", "clients"},
			append(engines, "net/http")},
		"access": {[]string{"identity", "tokens", "oauth", "clients"}, engines},
		"access/wechatdata": {[]string{"identity", "wechat", "tokens", "oauth", "limits", "clients", "signin", "access"},
			append(engines, "net/http")},
		"grants": {[]string{"identity", "wechat", "tokens", "oauth", "clients", "signin", "access", "access/wechatdata"},
			[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
		"accounts":           {[]string{"identity", "oauth", "limits", "password"}, append(engines, "net/http")},
		"tokens/refreshtest": {nil, append(engines, "net/http")},
		"storage/sql": {storage, []string{"github.com/redis/", "github.com/go-oauth2/",
			"github.com/lestrrat-go/", "net/http"}},
		"storage/redis": {[]string{"identity"}, []string{"gorm.io/", "modernc.org/", "github.com/jackc/",
			"github.com/go-oauth2/", "github.com/lestrrat-go/", "net/http"}},
		"storage/memory":      {[]string{"identity"}, append(engines, "net/http")},
		"storage/storagetest": {storage, engines},
		"storage/dbtest": {nil, []string{"gorm.io/", "modernc.org/", "github.com/go-oauth2/",
			"github.com/lestrrat-go/", "net/http"}},
		"provider": {[]string{"grants", "access", "access/wechatdata", "accounts", "clients", "oauth", "identity"},
			[]string{"gorm.io/", "github.com/redis/", "github.com/lestrrat-go/"}},
		"server/settings": {[]string{"identity", "keys", "wechat", "wechat/qq", "storage/sql", "storage/redis"},
			[]string{"net/http"}},
		"server/telemetry": {[]string{"identity", "grants"}, engines},
		"server":           {[]string{"*"}, nil},
		"cmd/lingpai":      {[]string{"*"}, nil},
		"cmd/lingpai/doctor": {[]string{"cmd/lingpai/terminal", "server", "server/settings", "grants", "identity",
			"keys", "storage/sql", "wechat", "wechat/wechattest"}, engines},
		"cmd/lingpai/userimport": {[]string{"cmd/lingpai/terminal", "accounts", "identity", "password"},
			append(engines, "net/http")},
		"cmd/lingpai/dev": {[]string{"cmd/lingpai/simulator", "server", "server/settings", "provider", "grants",
			"identity", "keys", "password", "storage/sql", "tokens", "wechat/wechattest"}, engines},
		"cmd/lingpai/simulator": {[]string{"provider", "server", "server/settings", "wechat/qq", "wechat/qq/qqtest",
			"wechat/wechattest"}, engines},
		"cmd/lingpai/terminal": {nil, append(engines, "net/http")},
		"bench":                {[]string{"password", "keys"}, nil},
		"deploy":               {nil, nil}, // tests of what is there
	}
}

// TestArrowsOfTheHouse holds the imports of every package against the floors of the house: no arrow runs back up.
func TestArrowsOfTheHouse(t *testing.T) {
	rules := rules()
	for _, p := range listPackages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		if name+"/" == module { // the root holds tests only
			continue
		}
		rule, known := rules[name]
		require.True(t, known, "%s is not in the plan of the house: give it a rule", name)
		for _, imported := range p.Imports {
			if ours, ok := strings.CutPrefix(imported, module); ok {
				require.True(t, slices.Contains(rule.may, ours) || slices.Contains(rule.may, "*"),
					"%s must not import %s", name, ours)
				continue
			}
			for _, prefix := range rule.never {
				require.False(t, strings.HasPrefix(imported, prefix), "%s must not import %s", name, imported)
			}
		}
	}
}

// TestNamesOfTheHouse refuses folders that say nothing of what is in them.
func TestNamesOfTheHouse(t *testing.T) {
	for _, p := range listPackages(t) {
		for part := range strings.SplitSeq(p.ImportPath, "/") {
			require.NotContains(t, []string{"util", "utils", "common", "pkg", "mocks", "config", "controllers",
				"helpers"}, part, p.ImportPath)
		}
	}
}

type goPackage struct {
	ImportPath string
	Imports    []string
}

func listPackages(t *testing.T) []goPackage {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "./...").Output()
	require.NoError(t, err)
	var packages []goPackage
	for decoder := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p goPackage
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return packages
		} else {
			require.NoError(t, err)
		}
		packages = append(packages, p)
	}
}

// TestDocumentsAreEqual holds the Chinese README against the English one: the same sections, the same commands.
func TestDocumentsAreEqual(t *testing.T) {
	english, chinese := readDocument(t, "README.md"), readDocument(t, "README.zh-CN.md")
	headings := regexp.MustCompile(`(?m)^#+ `)
	require.Equal(t, headings.FindAllString(english, -1), headings.FindAllString(chinese, -1))
	commands := regexp.MustCompile(`(?m)^ *(?:\./lingpai|go |export|LINGPAI_|curl |\$env).*$`)
	withoutNames := func(lines []string) []string {
		for n := range lines {
			lines[n] = regexp.MustCompile(`--name "[^"]*"`).ReplaceAllString(lines[n], "")
		}
		return lines
	}
	require.Equal(t, withoutNames(commands.FindAllString(english, -1)),
		withoutNames(commands.FindAllString(chinese, -1)))
}

// TestDocumentsNameFilesThatExist looks for the files that documents tell of.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	names := regexp.MustCompile("`([a-z]+(?:/[a-z_]+)*/[a-z_]+\\.go)`")
	for _, document := range []string{"README.md", "README.zh-CN.md", "SECURITY.md", "CHANGELOG.md",
		"docs/architecture.md", "docs/errors.md"} {
		for _, name := range names.FindAllStringSubmatch(readDocument(t, document), -1) {
			require.FileExists(t, filepath.FromSlash(name[1]), document)
		}
	}
}

func readDocument(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// TestTutorialsTableNamesTestsThatExist holds the table of what tutorials teach against the tests: what it
// says is tested by one that is there. A test is a function, or a sentence: of JavaScript, or one by which
// storage/storagetest names what must hold.
func TestTutorialsTableNamesTestsThatExist(t *testing.T) {
	rows := regexp.MustCompile(`(?m)^\| (\d+) \|.* \| ([^|]+) \|$`)
	named := regexp.MustCompile("^\\[`([^:`]+): ([^`]+)`\\]\\(\\.\\./([^)]+)\\)$")
	english, chinese := rows.FindAllStringSubmatch(readDocument(t, "docs/tutorials.md"), -1),
		rows.FindAllStringSubmatch(readDocument(t, "docs/tutorials.zh-CN.md"), -1)
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
			require.Contains(t, readDocument(t, filepath.FromSlash(file)), want, "row %s", row[1])
		}
	}
}
