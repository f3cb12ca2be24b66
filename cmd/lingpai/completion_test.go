package main

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// completes returns the words that the shell would offer after a command line, without their descriptions.
func (o *shell) completes(args ...string) (words []string) {
	o.t.Helper()
	a := o.types("", append([]string{"__complete"}, args...)...)
	require.Zero(o.t, a.code, a.stderr)
	require.Regexp(o.t, `^Completion ended with directive: \S+\n$`, a.stderr)
	lines := strings.Split(strings.TrimSpace(a.stdout), "\n")
	require.Regexp(o.t, `^:\d+$`, lines[len(lines)-1])
	for _, line := range lines[:len(lines)-1] {
		word, _, _ := strings.Cut(line, "\t")
		words = append(words, word)
	}
	return words
}

func TestIDsAreCompleted(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	o.okWith(simSecret, "apps", "add", appID, "--name", "My\tshop")
	o.okWith(simSecret, "apps", "add", "1112345678")
	o.ok("clients", "create", "shop", "--public", "--grant", "wechat_code", "--app", appID, "--audience", audience)
	o.okWith("a good password", "users", "create", "alice")
	alice := o.listed("users", "list")[0]["sub"].(string)
	retired, survivor := o.duplicates("UNION")
	o.ok("users", "merge", retired, survivor, "--yes")
	merge := o.listed("users", "merges")[0]["id"].(string)
	o.write("own.pem", string(pemOfNewKey(t)))
	o.ok("keys", "import", "own.pem")

	require.Equal(t, []string{appID}, o.completes("apps", "test", "wx"))
	require.Len(t, o.completes("apps", "rotate-secret", ""), 2)
	require.Empty(t, o.completes("apps", "set-open-platform", appID, ""))
	require.Equal(t, []string{appID}, o.completes("clients", "create", "--app", "wx"))
	require.Equal(t, []string{"shop"}, o.completes("clients", "disable", ""))
	require.Equal(t, []string{"shop"}, o.completes("events", "list", "--client", "s"))
	require.Equal(t, []string{"alice"}, o.completes("users", "show", "al"))
	require.Equal(t, []string{alice}, o.completes("users", "merge", "alice", alice[:len(alice)-1]))
	require.Len(t, o.completes("sessions", "revoke", "--user", "u_"), 3)
	require.Empty(t, o.completes("users", "grant-role", "alice", ""))
	require.Equal(t, []string{merge}, o.completes("users", "unmerge", ""))
	keys := o.completes("keys", "revoke", "--now", "--", "")
	require.Len(t, keys, len(o.listed("keys", "list")))
	require.Contains(t, keys, o.listed("keys", "list")[0]["id"])

	o.ok("users", "unmerge", merge)
	require.Empty(t, o.completes("users", "unmerge", ""), "it is undone")
}

func TestCompletionNeverFailsAndMakesNoFile(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	require.Contains(t, o.completes("apps", "add", "wx1", "--kind", "m"), "mobile-app")
	require.Contains(t, o.completes("clients", "create", "--grant", ""), "client_credentials")
	require.Contains(t, o.completes("events", "list", "--kind", "session"), "session.ended")
	require.Equal(t, []string{"table", "json"}, o.completes("users", "list", "--output", ""))
	require.Equal(t, []string{"json"}, o.completes("users", "show", "--output", ""))
	require.Equal(t, []string{"jwks", "pem"}, o.completes("keys", "export-public", "--format", ""))
	require.Equal(t, []string{"signing", "refresh"}, o.completes("keys", "rotate", "--purpose", ""))
	for _, shell := range []*operator{o, o.with("LINGPAI_DATABASE_URL=postgres://nobody@127.0.0.1:1/none"),
		o.with("LINGPAI_DATABASE_URL=nonsense"), o.with("LINGPAI_CONFIG=missing.yaml")} {
		require.Empty(t, shell.completes("users", "show", ""))
		require.Empty(t, shell.completes("keys", "revoke", ""))
	}
	entries, err := os.ReadDir(o.folder)
	require.NoError(t, err)
	require.Empty(t, entries)

	o.write("lingpai.db", "")
	require.Empty(t, o.completes("users", "show", ""), "it is not migrated")
	entries, err = os.ReadDir(o.folder)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		require.Contains(t, o.ok("completion", shell), "__complete")
	}
}
