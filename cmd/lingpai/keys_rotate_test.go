package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/keys"
)

// TestRevokeWarnsOfWhatItPutIntoUse, and of nothing else.
func TestRevokeWarnsOfWhatItPutIntoUse(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	p, _ := o.serves()
	require.NoError(t, p.stop())
	const warning = "has not been published for keys.announce"
	require.NotContains(t, o.ok("keys", "revoke", o.keyIn(keys.Announced), "--now"), warning, "the key in use is what it was")
	require.Contains(t, o.ok("keys", "revoke", o.keyIn(keys.Active), "--now"), warning, "the next one was made just now")
}

// keyIn returns the id of the signing key in a state.
func (o *operator) keyIn(state keys.State) string {
	o.t.Helper()
	rows := o.listed("keys", "list")
	n := slices.IndexFunc(rows, func(row map[string]any) bool {
		return row["purpose"] == string(keys.Signing) && row["state"] == string(state)
	})
	require.GreaterOrEqual(o.t, n, 0, "no key is %s", state)
	return rows[n]["id"].(string)
}

// TestNoAccessTokenOutlivesItsKey, whatever its client's record says.
func TestNoAccessTokenOutlivesItsKey(t *testing.T) {
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com", "LINGPAI_KEYS_RETIRE=10m", "LINGPAI_TOKEN_ACCESS_TTL=1m")
	secret := secretIn(t, o.ok("clients", "create", "backend", "--grant", "client_credentials", "--audience", audience, "--access-ttl", "1h"))
	_, base := o.serves()
	a := postForm(t, base+"/token", "backend", secret, "grant_type", "client_credentials")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, (10*time.Minute - noticed).Seconds(), a.members["expires_in"])
}
