package signin_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/signin"
)

func TestScreenLabels(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 " +
			"Safari/537.36": "Chrome, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/26.0 " +
			"Safari/605.1.15": "Safari, macOS",
		"Mozilla/5.0 (X11; Linux x86_64; rv:150.0) Gecko/20100101 Firefox/150.0": "Firefox, Linux",
		"":                         "",
		"ExampleTV/2.1":            "ExampleTV/2.1",
		"a\x00b\u202e":             "ab",
		strings.Repeat("电视", 1000): strings.Repeat("电视", 21),
	} {
		require.Equal(t, want, signin.ScreenLabel(agent))
	}
}
