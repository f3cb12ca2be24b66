package main

import (
	"encoding/json"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

func TestEachLineThatDevPrintsWorksWhenPasted(t *testing.T) {
	bash, err := exec.LookPath("bash")
	if err != nil {
		harness.Skip(t, "bash is not installed, so there is nothing to paste into")
	}
	if _, err := exec.LookPath("curl"); err != nil {
		harness.Skip(t, "curl is not installed, which the printed lines call")
	}
	o := newOperator(t)
	p := o.start("dev", "--addr", "127.0.0.1:0", "--data", "data")
	var printed strings.Builder
	for !strings.Contains(printed.String(), "Stop with Ctrl-C") {
		printed.WriteString(p.line())
	}
	lines := regexp.MustCompile(`(?m)^  (CODE=.*|curl .*)$`).FindAllStringSubmatch(printed.String(), -1)
	require.Len(t, lines, 5, printed.String())
	mint := lines[0][1]
	for n, line := range lines[1:] {
		pasted := mint + "\n" + line[1] + "\n"
		cmd := exec.CommandContext(t.Context(), bash, "-c", pasted)
		cmd.Env = append(o.env, "no_proxy=*")
		out, err := cmd.Output()
		require.NoError(t, err, pasted)
		var tokens struct {
			AccessToken  string `json:"access_token"`
			RefreshToken string `json:"refresh_token"`
			IDToken      string `json:"id_token"`
		}
		require.NoError(t, json.Unmarshal(out, &tokens), "%s\n%s", pasted, out)
		require.NotEmpty(t, tokens.AccessToken, "%s\n%s", pasted, out)
		require.Equal(t, n != 3, tokens.RefreshToken != "", "a client for itself has nothing to refresh")
		require.Equal(t, n == 2, tokens.IDToken != "", "the password's line asks for openid")
	}
}

func TestDevShowsTheTokenThatItFetchedAndSaysThatItIsForDevelopment(t *testing.T) {
	p := newOperator(t).start("dev", "--addr", "localhost:0", "--data", "data")
	var printed strings.Builder
	for !strings.Contains(printed.String(), "Stop with Ctrl-C") {
		printed.WriteString(p.line())
	}
	for _, text := range []string{"DEVELOPMENT", `"typ": "at+jwt"`, `"alg": "RS256"`,
		`"client_id": "dev-mini-program"`, `"https://api.example.com"`, `"iss": "http://localhost:`} {
		require.Contains(t, printed.String(), text)
	}
}

func TestDevEndsItsScreenWithATableAndLogsRequests(t *testing.T) {
	o := newOperator(t)
	p := o.start("dev", "--addr", "127.0.0.1:0", "--data", "data")
	var printed strings.Builder
	for !strings.Contains(printed.String(), "\n  Simulator ") {
		printed.WriteString(p.line())
	}
	require.NotContains(t, printed.String(), "\x1b")
	_, table, _ := strings.Cut(printed.String(), "Requests are logged below.\n\n")
	require.Regexp(t, `^  URL       http://127\.0\.0\.1:\d+
  Demo site http://127\.0\.0\.1:\d+/demo
  Clients   dev-mini-program \(public, app wx[0-9a-f]{16}\)
            dev-confidential \(secret \S+\)
  User      demo \(password \S+\)
  Simulator http://127\.0\.0\.1:\d+
$`, table)
	base := strings.Fields(table)[1]
	require.Contains(t, printed.String(), "In a browser:\n  "+base+"/      users, clients and the last requests\n  "+
		base+"/demo  a site to sign in to")
	require.Empty(t, p.Log(), "the requests that try it out are not logged")
	require.Equal(t, "invalid_client", postForm(t, base+"/token", "nobody", "SECRET", "grant_type", "password",
		"username", "demo", "password", "SECRET").text("error"))
	line := `(?m)^\d\d:\d\d:\d\d POST /token password 401 \d+ ms$`
	require.Eventually(t, func() bool { return regexp.MustCompile(line).MatchString(p.Log()) }, patience,
		time.Millisecond, p.Log())
	require.NotContains(t, p.Log(), "SECRET")
}
