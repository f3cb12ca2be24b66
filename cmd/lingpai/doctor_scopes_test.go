package main

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestDoctorChecksWhetherScopesCanBeUsed(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	o.ok("clients", "create", "both", "--grant", "client_credentials", "--app", appID, "--audience", audience,
		"--scope", "wechat.app_token", "--scope", "wechat.data")
	o.ok("clients", "create", "data", "--grant", "client_credentials", "--app", appID, "--audience", audience,
		"--scope", "wechat.data")
	for _, f := range o.examined() {
		require.Equal(t, statusOK, f.Status, "%+v", f)
	}
	o.ok("clients", "create", "appless", "--grant", "client_credentials", "--audience", audience,
		"--scope", "wechat.data")
	database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(t, err)
	require.NoError(t, database.Clients().Create(t.Context(), identity.Client{ID: "tokenless",
		Grants: []string{oauth.GrantClientCredentials}, Confidential: true,
		SecretHash: identity.HashSecret("x"), Audience: []string{audience},
		Scopes: []string{oauth.ScopeWechatAppToken}}))
	require.NoError(t, database.Close())

	findings := o.with("LINGPAI_MASTER_KEY=" + aKey).examined()
	requireFinding(t, findings, "clients", statusWarning, "appless: it may request wechat.data and has no app",
		"lingpai clients update appless")
	requireFinding(t, findings, "clients", statusFault, "tokenless: --scope: wechat.app_token needs an app",
		"lingpai clients update tokenless")
	requireFinding(t, findings, "clients", statusWarning,
		"both: it may request wechat.app_token and wechat.data, but WeChat cannot be called: master_key "+
			"does not decrypt the AppSecret of "+appID, "lingpai apps rotate-secret "+appID)
	requireFinding(t, findings, "clients", statusWarning,
		"data: it may request wechat.data, but WeChat cannot be called", "lingpai apps rotate-secret "+appID)
	for _, f := range findings {
		require.NotContains(t, f.Found, "shop: ", "it has none of the scopes")
	}

	for _, f := range o.with("LINGPAI_MASTER_KEY=").examined() {
		require.NotContains(t, f.Found, "WeChat cannot be called",
			"without a master key there is another fault, which is told once")
	}
}
