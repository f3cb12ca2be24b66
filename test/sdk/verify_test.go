package sdk_test

import (
	"encoding/base64"
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
	"github.com/lingpai/lingpai/tokens"
)

// TestSDKVerifiesWhatWeSign runs all tests of sdk/verify, including the one that needs a running issuer and a token.
func TestSDKVerifiesWhatWeSign(t *testing.T) {
	i := harness.StartDev(t)
	accessToken := i.SignIn("openid api")["access_token"].(string)
	var claims struct {
		Audience string `json:"aud"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(accessToken, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	more := make([]string, 12) // of the same user
	for n := range more {
		more[n] = i.SignIn("openid api")["access_token"].(string)
	}
	out := inSDK(t, []string{"LINGPAI_TEST_ISSUER=" + i.Issuer, "LINGPAI_TEST_AUDIENCE=" + claims.Audience,
		"LINGPAI_TEST_TOKEN=" + accessToken,
		"LINGPAI_TEST_SECRET=" + i.Confidential.ClientSecret,
		"LINGPAI_TEST_TOKENS_OF_ONE=" + strings.Join(more, " "),
		"LINGPAI_TEST_TOKEN_OF_ANOTHER=" + i.SignInByCode("openid api")["access_token"].(string)},
		"test", "-count=1", "-v", "./...")
	require.Contains(t, out, "--- PASS: TestAgainstARealIssuer")
	require.Equal(t, 1, strings.Count(out, "--- SKIP"), "the one with a rotating issuer, which cmd/lingpai runs")
}

// TestSDKComparisonRuns: its libraries still verify Lingpai's tokens, so the comparison is valid.
func TestSDKComparisonRuns(t *testing.T) {
	out := inSDK(t, nil, "-C", "benchmarks", "test", "-count=1", "-run=^$", "-bench=.", "-benchtime=1x", "./...")
	require.Contains(t, out, "BenchmarkTokens/go-oidc")
}

// TestSDKDependsOnNothing but the standard library.
func TestSDKDependsOnNothing(t *testing.T) {
	require.Equal(t, "github.com/lingpai/lingpai/sdk/verify", strings.TrimSpace(inSDK(t, nil, "list", "-m", "all")))
}

// inSDK runs the go command in sdk/verify, which is a module of its own.
func inSDK(t *testing.T, env []string, args ...string) string {
	t.Helper()
	folder := harness.Path("sdk/verify")
	harness.DependsOn(t, folder)
	cmd := exec.CommandContext(t.Context(), "go", args...)
	cmd.Dir = folder
	cmd.Env = append(append(os.Environ(), "GOWORK=off"), env...)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	return string(out)
}

// TestSDKKnowsOurClaims: sdk/verify reads exactly the claims of our access tokens, and also nbf (RFC 7519).
func TestSDKKnowsOurClaims(t *testing.T) {
	require.ElementsMatch(t, append(namesOf(reflect.TypeFor[tokens.AccessClaims]()), "nbf"), namesInSDK(t, "payload"))
	require.ElementsMatch(t, namesOf(reflect.TypeFor[tokens.WechatClaims]()), namesInSDK(t, "wechat"))
}

// namesOf returns the JSON names of a struct, including those of embedded structs.
func namesOf(of reflect.Type) []string {
	var names []string
	for n := range of.NumField() {
		field := of.Field(n)
		if field.Anonymous {
			names = append(names, namesOf(field.Type)...)
			continue
		}
		name, _, _ := strings.Cut(field.Tag.Get("json"), ",")
		names = append(names, name)
	}
	return names
}

// namesInSDK returns the JSON names of a struct in sdk/verify/claims.go, which is parsed as text since it is in
// another module.
func namesInSDK(t *testing.T, name string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), harness.Path("sdk/verify/claims.go"), nil, 0)
	require.NoError(t, err)
	var names []string
	ast.Inspect(file, func(node ast.Node) bool {
		declared, isType := node.(*ast.TypeSpec)
		if !isType || declared.Name.Name != name {
			return true
		}
		for _, field := range declared.Type.(*ast.StructType).Fields.List {
			tag, err := strconv.Unquote(field.Tag.Value)
			require.NoError(t, err)
			names = append(names, reflect.StructTag(tag).Get("json"))
		}
		return false
	})
	return names
}
