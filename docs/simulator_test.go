package docs_test

import (
	"os"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// TestTheSimulatorIsDocumented: its page has every call and every member.
func TestTheSimulatorIsDocumented(t *testing.T) {
	page := harness.Document(t, "docs/simulator.md")
	call, member := regexp.MustCompile(`"((?:GET|POST|DELETE) /_sim/\w+)"`), regexp.MustCompile(`json:"(\w+)`)
	for _, path := range []string{"admin", "answer", "app", "encrypt", "fault", "oauth", "user", "counter",
		"link_rule", "mini_program_code", "scan"} {
		source, err := os.ReadFile(harness.Path("wechat/wechattest/" + path + ".go"))
		require.NoError(t, err)
		for _, found := range append(call.FindAllSubmatch(source, -1), member.FindAllSubmatch(source, -1)...) {
			require.Contains(t, page, "`"+string(found[1])+"`", path)
		}
	}
	for _, path := range []string{"serve", "simulator"} {
		source, err := os.ReadFile(harness.Path("wechat/qq/qqtest/" + path + ".go"))
		require.NoError(t, err)
		for _, found := range regexp.MustCompile(`"POST (/_sim/\w+)"`).FindAllSubmatch(source, -1) {
			require.Contains(t, page, "`/qq"+string(found[1])+"`")
		}
	}
}
