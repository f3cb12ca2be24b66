package gateways_test

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// tokensForOthers returns valid access tokens that are not for harness.Audience, by their audience: one for another
// API with the same scope, and one for the issuer alone.
func tokensForOthers(t *testing.T, i *harness.Dev) map[string]string {
	t.Helper()
	const client, api = "other", "https://other.example.com"
	var created struct {
		Secret string `json:"client_secret"`
	}
	out := i.Run("clients", "create", client, "--grant", "client_credentials", "--app", i.MiniProgram.AppID,
		"--audience", api, "--scope", "api", "--scope", "wechat.data", "--output", "json")
	require.NoError(t, json.Unmarshal([]byte(out), &created), out)
	tokens := map[string]string{}
	for audience, scope := range map[string]string{api: "api", i.Issuer: "wechat.data"} {
		token := i.Post("/token", "client_id", client, "client_secret", created.Secret, "grant_type",
			"client_credentials", "scope", scope)["access_token"].(string)
		require.Equal(t, audience, claimsIn(t, token)["aud"])
		tokens[audience] = token
	}
	return tokens
}
