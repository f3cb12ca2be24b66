package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
)

func TestMistypedCommandsFlagsAndValuesAreCorrected(t *testing.T) {
	t.Parallel()
	o := newOperator(t)
	for typed, says := range map[string]string{
		"user":                           `command "user" for "lingpai"; did you mean "users"? see: lingpai --help`,
		"users lst":                      `did you mean "list"? see: lingpai users --help`,
		"users ls":                       `did you mean "list"?`,
		"users add":                      `did you mean "create"?`,
		"keys rotat":                     `did you mean "rotate"?`,
		"keys rotate --purpse refresh":   `flag: --purpse; did you mean --purpose? see: lingpai keys rotate --help`,
		"keys rotate --purpose signin":   `--purpose: "signin" is unknown; did you mean "signing"?`,
		"keys export-public --format pm": `did you mean "pem"?`,
		"clients create --grant refresh_token --grant pasword": `"pasword" is unknown; did you mean "password"?`,
		"clients create --grant wechat":                        `did you mean "wechat_code"?`,
		"apps add wx1 --kind web":                              `did you mean "website"?`,
		"apps add wx1 --kind miniprogram":                      `did you mean "mini-program"?`,
		"events list --kind sesion.ended":                      `did you mean "session.ended"?`,
		"users list --output jsn":                              `did you mean "json"?`,
		"users import x --format jsonlines":                    "there is no database",
	} {
		require.Contains(t, o.refused(strings.Fields(typed)...), says, typed)
	}
	require.NotContains(t, o.refused("bogus"), "did you mean")
	entries, err := os.ReadDir(o.folder)
	require.NoError(t, err)
	require.Empty(t, entries)
}

func TestClosestWord(t *testing.T) {
	t.Parallel()
	words := []string{"list", "show", "set-password", "set-claims"}
	for typed, want := range map[string]string{
		"lst": "list", "LIST": "list", "lists": "list", "sow": "show", "set-pasword": "set-password",
		"set-c": "set-claims",
		"list":  "", "": "", "x": "", "lose": "", "delete": "",
	} {
		require.Equal(t, want, terminal.Closest(typed, words), typed)
	}
}

// TestEventKindsAreComplete compares the kinds that are completed with those that package identity declares.
func TestEventKindsAreComplete(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), filepath.Join("..", "..", "identity", "event.go"), nil, 0)
	require.NoError(t, err)
	var declared []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if ok && strings.HasPrefix(spec.Names[0].Name, "Event") && len(spec.Values) == 1 {
			kind, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			declared = append(declared, kind)
		}
		return true
	})
	require.Greater(t, len(declared), 30)
	require.ElementsMatch(t, declared, eventKinds())
}
