package docs_test

import (
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestDocumentsAreEqual compares the READMEs of both languages: the same sections and commands.
func TestDocumentsAreEqual(t *testing.T) {
	english, chinese := harness.Document(t, "README.md"), harness.Document(t, "README.zh-CN.md")
	require.Equal(t, levels(english), levels(chinese))
	require.Equal(t, harness.Fenced(english), harness.Fenced(chinese))
}

// TestDocumentsNameFilesThatExist looks for the files that documents name.
func TestDocumentsNameFilesThatExist(t *testing.T) {
	names := regexp.MustCompile("`([a-z]+(?:/[a-z_]+)*/[a-z_]+\\.go)`")
	for _, document := range []string{"README.md", "README.zh-CN.md", "SECURITY.md", "CHANGELOG.md",
		"docs/architecture.md", "docs/errors.md"} {
		for _, name := range names.FindAllStringSubmatch(harness.Document(t, document), -1) {
			require.FileExists(t, harness.Path(name[1]), document)
		}
	}
}
