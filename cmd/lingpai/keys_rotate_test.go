package main

import (
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server/settings"
)

// TestRevokeWarnsAboutANewKey that it has put into use, and about no other.
func TestRevokeWarnsAboutANewKey(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	p, _ := o.serves()
	require.NoError(t, p.stop())
	const warning = "has not been published for keys.announce"
	require.NotContains(t, o.ok("keys", "revoke", "--now", "--", o.keyIn(keys.Signing, keys.Announced)), warning,
		"the key in use is what it was")
	require.Contains(t, o.ok("keys", "revoke", "--now", "--", o.keyIn(keys.Signing, keys.Active)), warning,
		"the next one was made just now")
}

// TestKeyCommandsReportWhatTheyDo, and record it in the audit log.
func TestKeyCommandsReportWhatTheyDo(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com", "LINGPAI_KEYS_INTERVAL=720h")
	p, _ := o.serves()
	require.NoError(t, p.stop())
	signer, standby := o.keyIn(keys.Signing, keys.Active), o.keyIn(keys.Signing, keys.Announced)
	o.write("own.pem", string(pemOfNewKey(t)))
	said := o.ok("keys", "import", "own.pem")
	own := o.keyIn(keys.Signing, keys.Announced)
	require.NotEqual(t, standby, own)
	require.Contains(t, said, own+" is published and signs next; it may be used from 20")
	require.Contains(t, said, "servers start using it when "+signer+" is replaced at 20")
	require.Contains(t, o.ok("keys", "list"), "after "+own, "the standby")

	said = o.ok("keys", "revoke", "--now", "--", own)
	require.Contains(t, said, "the signing key is still "+signer)
	require.NotContains(t, said, "verifiers", "it signed nothing")
	said = o.ok("keys", "revoke", "--now", "--", signer)
	require.Contains(t, said, "the signing key is now "+standby)
	require.Contains(t, said, "verifiers that cache the key set")
	said = o.ok("keys", "revoke", "--now", "--", o.keyIn(keys.Refresh, keys.Active))
	require.Contains(t, said, "users who hold a refresh token of the revoked secret must sign in again")

	o.ok("keys", "rewrap")
	for kind, count := range map[string]int{
		identity.EventKeyImported: 1, identity.EventKeyRevoked: 3, identity.EventKeyRotated: 0,
		identity.EventKeysRewrapped: 1,
	} {
		require.Len(t, o.listed("events", "list", "--kind", kind), count, kind)
	}
}

// keyIn returns the id of the newest key in a state.
func (o *shell) keyIn(purpose keys.Purpose, state keys.State) string {
	o.t.Helper()
	rows := o.listed("keys", "list")
	n := slices.IndexFunc(rows, func(row map[string]any) bool {
		return row["purpose"] == string(purpose) && row["state"] == string(state)
	})
	require.GreaterOrEqual(o.t, n, 0, "no key is %s", state)
	return rows[n]["id"].(string)
}

// TestNoAccessTokenOutlivesItsKey, whatever its client's record says.
func TestNoAccessTokenOutlivesItsKey(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com", "LINGPAI_KEYS_RETIRE=10m",
		"LINGPAI_TOKEN_ACCESS_TTL=1m")
	secret := secretIn(t, o.ok("clients", "create", "backend", "--grant", "client_credentials", "--audience",
		audience, "--access-ttl", "1h"))
	_, base := o.serves()
	a := postForm(t, base+"/token", "backend", secret, "grant_type", "client_credentials")
	require.Equal(t, http.StatusOK, a.status)
	require.Equal(t, (10*time.Minute - settings.RotationDelay).Seconds(), a.members["expires_in"])
}
