package gateways_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

const resourceServersPage = "docs/resource-servers.md"

// TestResourceServersDocumentShowsWhatIsRun: the page contains each program unchanged, and both say if the program is
// not tested.
func TestResourceServersDocumentShowsWhatIsRun(t *testing.T) {
	files, err := os.ReadDir(harness.Path(exampleServers))
	require.NoError(t, err)
	shown, run := harness.Fenced(harness.Document(t, resourceServersPage)), map[string]bool{}
	for _, server := range resourceServers() {
		run[server.file] = true
	}
	for _, file := range files {
		text := harness.Document(t, exampleServers+"/"+file.Name())
		require.Contains(t, shown, text, file.Name())
		require.Equal(t, !run[file.Name()], strings.Contains(text, "Not run by us"), file.Name())
	}
	require.Len(t, files, len(run)+1, "PHP is the one that is not run")
}

// TestGatewaysReportWhetherTheyWereRun in their first line, and the page has all of them.
func TestGatewaysReportWhetherTheyWereRun(t *testing.T) {
	files, err := os.ReadDir(harness.Path("deploy/gateways"))
	require.NoError(t, err)
	page, run := harness.Document(t, resourceServersPage), map[string]bool{}
	for _, gateway := range gateways() {
		run[gateway.file] = true
	}
	for _, file := range files {
		first, _, _ := strings.Cut(harness.Document(t, "deploy/gateways/"+file.Name()), "\n")
		want := "# Not run by us"
		if run[file.Name()] {
			want = "# Run in a test, with "
		}
		require.True(t, strings.HasPrefix(first, want), "%s: %s", file.Name(), first)
		require.Contains(t, page, "](../deploy/gateways/"+file.Name()+")")
	}
}
