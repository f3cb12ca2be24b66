package archtest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// goTest matches a command that runs selected tests of packages: in .ci/long, "long" stands for "go test".
var (
	goTest     = regexp.MustCompile("(?m)\\b(?:go test|long) [^`\n#]*-run [^`\n#]*")
	runPattern = regexp.MustCompile(`-run ('[^']*'|\S+)`)
	testedPath = regexp.MustCompile(`\./[\w/]+`)
)

// TestRunPatternsMatchTests checks every alternative of the -run patterns in scripts and documents, since "go test"
// passes if no test matches.
func TestRunPatternsMatchTests(t *testing.T) {
	names := []string{".ci/run", ".ci/long", "Makefile"}
	require.NoError(t, walk(".md", func(name, _ string) error {
		names = append(names, name)
		return nil
	}))
	tests, found := testsByFolder(t), 0
	for _, name := range names {
		text, err := os.ReadFile(filepath.Join(root, name))
		require.NoError(t, err)
		for _, command := range goTest.FindAllString(string(text), -1) {
			found++
			require.Empty(t, unmatched(command, tests), "%s: no test matches: %s", name, command)
		}
	}
	require.Greater(t, found, 8)
}

func TestUnmatchedPatternsAreFound(t *testing.T) {
	tests := map[string][]string{"keys": {"TestSign"}}
	require.Empty(t, unmatched("go test ./keys -run Sign", tests))
	require.Empty(t, unmatched("go test -tags openssl ./keys -run 'Sign|TestS'", tests))
	require.Equal(t, []string{"Verify"}, unmatched("go test ./keys -run 'Sign|Verify'", tests))
	require.Equal(t, []string{"Sign"}, unmatched("go test ./grants -run Sign", tests))
}

// testsByFolder returns the names of the test functions of each package.
func testsByFolder(t *testing.T) map[string][]string {
	t.Helper()
	tests, declared := map[string][]string{}, regexp.MustCompile(`^func (Test\w+|Example\w*|Fuzz\w+)\(`)
	for _, file := range goFiles(t) {
		for _, line := range file.lines {
			if match := declared.FindStringSubmatch(line); match != nil && file.isTest() {
				tests[file.folder()] = append(tests[file.folder()], match[1])
			}
		}
	}
	return tests
}

// unmatched returns the alternatives of a command's -run pattern that match no test of its packages.
func unmatched(command string, tests map[string][]string) (wrong []string) {
	var known []string
	for _, path := range testedPath.FindAllString(command, -1) {
		known = append(known, tests[strings.TrimPrefix(path, "./")]...)
	}
	pattern := strings.Trim(runPattern.FindStringSubmatch(command)[1], "'")
	for alternative := range strings.SplitSeq(pattern, "|") {
		matches := func(name string) bool { return regexp.MustCompile(alternative).MatchString(name) }
		if !slices.ContainsFunc(known, matches) {
			wrong = append(wrong, alternative)
		}
	}
	return wrong
}
