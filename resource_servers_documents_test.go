package lingpai

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const resourceServersPage = "docs/resource-servers.md"

// TestResourceServersDocumentShowsWhatIsRun: each program stands in the page as it is, and says there and in
// itself if nobody ran it.
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
