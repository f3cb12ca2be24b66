package lingpai

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const (
	resourceServersPage        = "docs/resource-servers.md"
	resourceServersPageChinese = "docs/resource-servers.zh-CN.md"
)

// TestResourceServersDocumentsAreEqual holds the Chinese page against the English one: the same sections, the same code.
func TestResourceServersDocumentsAreEqual(t *testing.T) {
	english, chinese := readDocument(t, resourceServersPage), readDocument(t, resourceServersPageChinese)
	headings := regexp.MustCompile(`(?m)^#+ `)
	require.Equal(t, headings.FindAllString(withoutFenced(english), -1), headings.FindAllString(withoutFenced(chinese), -1))
	require.Equal(t, fenced(english), fenced(chinese))
	links := regexp.MustCompile(`\]\(([^)#]+)\)`)
	require.Equal(t, links.FindAllStringSubmatch(withoutFenced(english), -1)[1:], links.FindAllStringSubmatch(withoutFenced(chinese), -1)[1:], "all but the other page")
	for _, link := range links.FindAllStringSubmatch(english+chinese, -1) {
		_, err := os.Stat(filepath.Join("docs", filepath.FromSlash(link[1])))
		require.NoError(t, err)
	}
}

// TestResourceServersDocumentShowsWhatIsRun: each program stands in the page as it is, and says there and in itself if nobody ran it.
func TestResourceServersDocumentShowsWhatIsRun(t *testing.T) {
	files, err := os.ReadDir(exampleServers)
	require.NoError(t, err)
	shown, run := fenced(readDocument(t, resourceServersPage)), map[string]bool{}
	for _, server := range resourceServers() {
		run[server.file] = true
	}
	for _, file := range files {
		text := readDocument(t, filepath.Join(exampleServers, file.Name()))
		require.Contains(t, shown, text, file.Name())
		require.Equal(t, !run[file.Name()], strings.Contains(text, "Not run by us"), file.Name())
	}
	require.Len(t, files, len(run)+1, "PHP is the one that is not run")
}

// TestGatewaysSayWhetherTheyWereRun in their first line; and every one is in the page.
func TestGatewaysSayWhetherTheyWereRun(t *testing.T) {
	files, err := os.ReadDir("deploy/gateways")
	require.NoError(t, err)
	page, run := readDocument(t, resourceServersPage), map[string]bool{}
	for _, gateway := range gateways() {
		run[gateway.file] = true
	}
	for _, file := range files {
		first, _, _ := strings.Cut(readDocument(t, filepath.Join("deploy/gateways", file.Name())), "\n")
		want := "# Not run by us"
		if run[file.Name()] {
			want = "# Run in a test, with "
		}
		require.True(t, strings.HasPrefix(first, want), "%s: %s", file.Name(), first)
		require.Contains(t, page, "](../deploy/gateways/"+file.Name()+")")
	}
}

// fence is a fenced block; its group is what stands in it.
var fence = regexp.MustCompile("(?ms)^```[a-z]+\n(.*?)^```$")

func fenced(page string) []string {
	var blocks []string
	for _, block := range fence.FindAllStringSubmatch(page, -1) {
		blocks = append(blocks, block[1])
	}
	return blocks
}

func withoutFenced(page string) string { return fence.ReplaceAllString(page, "") }
