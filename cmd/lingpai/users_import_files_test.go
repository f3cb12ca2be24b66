package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
)

// importing imports a text as a file of that name, and returns the lines of the report.
func (o importCommands) importing(name, text string, args ...string) (answer, []told) {
	o.t.Helper()
	o.write(name, text)
	reports, err := filepath.Glob(filepath.Join(o.folder, "*.report"))
	require.NoError(o.t, err)
	report := fmt.Sprint(len(reports), ".report")
	a := o.types("", append([]string{"users", "import", name, "--report", report}, args...)...)
	return a, o.report(report)
}

// importsAll runs an import that must succeed. A slow one shows its progress on standard error.
func (o importCommands) importsAll(name string) string {
	o.t.Helper()
	a := o.types("", "users", "import", name)
	require.Zero(o.t, a.code, a.stderr)
	return a.stdout
}

func (o userRecords) subs() (subs []string) {
	o.t.Helper()
	for _, user := range o.listed("users", "list", "--limit", "1000") {
		subs = append(subs, user["sub"].(string))
	}
	return subs
}

func TestImportCountsLinesOfCSVWhateverIsInQuotes(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	rows := []string{
		"sub,name,roles,disabled,created_at,nickname", // 1
		`a,"Ada ""the first"", of all",x y,TRUE,2019-01-02T03:04:05Z,`,
		"b,\"two\nlines\",,,,", // 3 and 4: a name has one line
		"",
		"c d,,,,,", // 6
		"e,,,,",    // 7: a column too few
		`f,"x"y,,,,`,
		`g,x"y,,,,`,
		"h,,,maybe,,",
		"i,,,,,\"=cmd|' /C calc'!A0\"",
		`=1+1,,two words?,,,`, // 12
		"j,,,false,,",
	}
	for _, end := range []string{"\n", "\r\n"} {
		a, lines := o.importing("people.csv", terminal.ByteOrderMark+strings.Join(rows, end))
		require.Equal(t, 1, a.code)
		require.Regexp(t, "^imported (3, already there 0|0, already there 3), refused 7\n$", a.stdout)
		const quotes = "the quotes are wrong: a field with quotes, commas or line breaks must be quoted, " +
			"and each quote in it doubled"
		require.Equal(t, []told{
			{3, "refused", "b", "name must have at most 128 characters, and no invisible or text direction characters"},
			{6, "refused", "", "sub must be 1 to 255 printable ASCII characters without spaces"},
			{7, "refused", "", "the row has 5 columns, and the first line names 6"},
			{8, "refused", "", quotes},
			{9, "refused", "", quotes},
			{10, "refused", "h", "disabled must be true or false"},
			{12, "refused", "'=1+1", "a role must be 1 to 64 characters: A to Z, a to z, digits, and . _ : -"},
		}, lines)
	}
	require.Equal(t, []string{"a", "i", "j"}, o.subs())
	ada, _ := o.shown("a")
	require.Equal(t, []any{"x", "y"}, ada["roles"])
	require.NotEmpty(t, ada["disabled_at"])
	require.Equal(t, "2019-01-02T03:04:05Z", ada["created_at"])
}

func TestImportRefusesAFileThatItCannotRead(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	wide := func(text string, order func(c uint16) string) (wide string) {
		for _, c := range utf16.Encode([]rune(text)) {
			wide += order(c)
		}
		return wide
	}
	little := func(c uint16) string { return string([]byte{byte(c), byte(c >> 8)}) }
	big := func(c uint16) string { return string([]byte{byte(c >> 8), byte(c)}) }
	const inGBK = "sub,name\nx,y\nz,\xc1\xee\xc5\xc6\n" // 令牌 in GBK
	for says, text := range map[string]string{
		"people.csv is empty":                                                        "",
		"has no header line with the names of its columns":                           "\n\r\n",
		`column 2 has the name "phone_number", which is unknown: the first line`:     "sub,phone_number\n",
		"column 1 has the name (not shown)":                                          "+8613800000000,alice\n",
		`column 1 has the name "alice", which is unknown`:                            "alice,x@example.com," + goodHash,
		`column "sub" occurs twice`:                                                  "sub,name,sub\n",
		"column 1 has the name (not shown), which is unknown":                        "sub;name\nx;y",
		"the first line must name the columns: the row is too long":                  strings.Repeat("x", 300_000),
		"the first line must name the columns: parse error":                          "sub\"\n",
		"is UTF-16: convert it to UTF-8, for example with: iconv -f UTF-16 -t UTF-8": wide("\ufeffsub\nx\n", little),
		"people.csv is UTF-16":                                                       wide("\ufeffsub\nx\n", big),
		"people.csv is UTF-16: ":                                                     wide("sub\nx\n", little),
		"is UTF-16":                                                                  wide("sub\nx\n", big),

		"is not UTF-8 in line 3: convert it to UTF-8, for example with: iconv -f GBK -t UTF-8": inGBK,
	} {
		o.write("people.csv", text)
		require.Contains(t, o.refused("users", "import", "people.csv", "--report", "none.csv"), says)
		require.NoFileExists(t, filepath.Join(o.folder, "none.csv"), "no report of nothing")
	}
	o.write("people.txt", "sub\nx\n")
	for says, args := range map[string][]string{
		"--format: give csv or jsonl, since the name does not end": {"people.txt"},
		`--format: "xml" is neither csv nor jsonl`:                 {"people.txt", "--format", "xml"},
		"missing.csv: no such file":                                {"missing.csv"},
		"--report: people.txt already exists": {"people.txt", "--format", "csv",
			"--report", "people.txt"},
		"--report: open none/x.csv": {"people.txt", "--format", "csv",
			"--report", "none/x.csv"},
		"usage: lingpai users import FILE|-": {},
	} {
		require.Contains(t, o.refused(append([]string{"users", "import"}, args...)...), says)
	}
	require.Contains(t, o.refusedWith("sub\nx\n", "users", "import", "-"), "--format: give csv or jsonl")
	require.Contains(t, o.refusedWith("", "users", "import", "-", "--format", "csv"), "standard input is empty")
	require.Empty(t, o.subs())
	require.Equal(t, "imported 0, already there 0, refused 0\n", o.okWith("sub,name\n", "users", "import",
		"-", "--format", "csv"))
	require.Equal(t, "imported 1, already there 0, refused 0\n", o.ok("users", "import", "people.txt", "--format",
		"csv"))
}

// TestImportSurvivesHostileRows has hostile rows in the middle of a file, and checks those before and after them.
func TestImportSurvivesHostileRows(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	filler := strings.Repeat(`{"sub":"filler"}`+"\n", 5000) // more than checkText reads
	a, lines := o.importing("people.jsonl", filler+"{\"sub\":\"bytes\",\"name\":\"\xff\"}\n"+
		`{"sub":"long","name":"`+strings.Repeat("x", 10<<20)+"\"}\n"+
		"\x00\n"+strings.Repeat("[", 60_000)+"\n"+`{"sub":"after"}`+"\n"+strings.Repeat(" ", 70_000))
	require.Equal(t, "imported 2, already there 4 999, refused 5\n", a.stdout)
	require.Equal(t, []told{
		{5001, "refused", "", "the row is not UTF-8: convert the file, for example with: iconv -f GBK -t UTF-8"},
		{5002, "refused", "", "the row has more than 64 KiB"},
		{5003, "refused", "", "the row is not one JSON object"},
		{5004, "refused", "", "the row is not one JSON object"},
		{5006, "refused", "", "the row has more than 64 KiB"},
	}, lines)
	require.Equal(t, []string{"after", "filler"}, o.subs())

	a, lines = o.importing("people.csv", "sub,name\n"+strings.Repeat("filler,\n", 10_000)+"bytes,\xff\nnul,\x00\n"+
		"long,"+strings.Repeat("x", 66_000)+"\nlater,\n")
	require.Equal(t, "imported 1, already there 10 000, refused 3\n", a.stdout)
	require.Equal(t, []told{
		{10_002, "refused", "bytes", "the row is not UTF-8: convert the file, for example with: iconv -f GBK -t UTF-8"},
		{10_003, "refused", "nul", "the row contains a NUL"},
		{10_004, "refused", "", "the row has more than 64 KiB, with the empty lines before it"},
	}, lines)

	for says, rest := range map[string]string{
		"the row after line 2 does not end within 64 KiB: is a quote not closed?": strings.Repeat("x", 10<<20) +
			"\n",
		"the row after line 2 does not end within 64 KiB": `"` + strings.Repeat("x\n",
			5<<20),
		"the quotes of the row from line 3 to 4 are wrong: a field with quotes":       "two,\"\n\"lines\nthree,\n",
		"the quotes of the row from line 3 to 5 are wrong: a field with quotes, comm": "two,\"\n\nunclosed",
	} {
		a, lines := o.importing("people.csv", "sub,name\nfiller,\n"+rest+"never,\n")
		require.Equal(t, 1, a.code)
		require.Contains(t, a.stderr, says)
		require.Contains(t, a.stderr, "the rows before it were imported, and the rest was not read")
		require.Equal(t, "imported 0, already there 1, refused 0\n", a.stdout)
		require.Empty(t, lines)
	}
	require.NotContains(t, o.subs(), "never")
}

// TestImportKeepsSecretsToItself has secrets in rows that are rejected for every reason, including the secrets.
func TestImportKeepsSecretsToItself(t *testing.T) {
	t.Parallel()
	o := newImporter(t)
	secrets := []string{goodHash, "13812345678", "+8613812345678", "private@example.com"}
	var file strings.Builder
	fmt.Fprintf(&file, `{"sub":"first","username":"first","app":"%s","openid":"o-first"}`+"\n", appID)
	for _, r := range refusals() {
		if row, isObject := strings.CutSuffix(r.row, "}"); isObject && !strings.Contains(row, "password_hash") {
			file.WriteString(row + `,"password_hash":"` + goodHash +
				`","phone":"13812345678","email":"private@example.com"}` + "\n")
		}
	}
	for _, name := range []string{"app", "openid", "sub", "name", "username", "roles", "created_at", "disabled",
		"locale", goodHash, "13812345678", "private@example.com"} {
		for _, secret := range secrets {
			fmt.Fprintf(&file, `{%q:%q,"username":"first","sub":""}`+"\n", name, secret+" ")
		}
	}
	for _, args := range [][]string{{"--report", "r.csv"}, {}, {"--dry-run"}, {"--output", "json"}} {
		o.write("people.jsonl", file.String())
		a := o.types("", append([]string{"users", "import", "people.jsonl"}, args...)...)
		require.Equal(t, 1, a.code)
		written := a.stdout + a.stderr
		if len(args) == 2 && args[0] == "--report" {
			for _, line := range o.report("r.csv") {
				written += line.sub + line.reason
			}
		}
		events, err := o.opens().Events().List(t.Context(), identity.EventsOf{}, 1000)
		require.NoError(t, err)
		written += fmt.Sprint(events)
		for _, secret := range secrets {
			require.NotContains(t, written, secret)
		}
	}
}
