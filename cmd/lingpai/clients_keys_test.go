package main

import (
	"net/http"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

const publicKeys = `{"keys":[{"kty":"OKP","crv":"Ed25519","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]}`

// TestAClientWithKeys has no secret, or can do without when it has keys.
func TestAClientWithKeys(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	file := filepath.Join(t.TempDir(), "jwks.json")
	require.NoError(t, os.WriteFile(file, []byte(publicKeys+"\n"), 0o600))
	require.NotContains(t, o.ok("clients", "create", "signer", "--grant", "client_credentials", "--jwks-file", file),
		"client_secret")
	record := o.record("signer")
	require.Equal(t, publicKeys, record["jwks"])
	require.Equal(t, false, record["has_secret"])

	require.Contains(t, o.ok("clients", "create", "web", "--grant", "client_credentials"), "client_secret")
	require.Contains(t, o.refused("clients", "delete-secret", "web"), "has no keys to authenticate with instead")
	o.updated("web", "--jwks-uri", "https://web.example.com/jwks")
	require.Equal(t, true, o.record("web")["has_secret"])
	o.ok("clients", "delete-secret", "web")
	record = o.record("web")
	require.Equal(t, false, record["has_secret"])
	require.Equal(t, "https://web.example.com/jwks", record["jwks_uri"])

	require.Contains(t, o.refused("clients", "update", "web", "--jwks-uri", ""), "could not authenticate without keys")
	o.updated("web", "--jwks-uri", "", "--jwks-file", file)
	require.Equal(t, publicKeys, o.record("web")["jwks"])
	require.Contains(t, o.refused("clients", "update", "web", "--jwks-file", "nowhere.json"), "nowhere.json")
	require.NoError(t, os.WriteFile(file, []byte(`{"keys":[{"kty":"oct","k":"c2VjcmV0"}]}`), 0o600))
	require.Contains(t, o.refused("clients", "update", "web", "--jwks-file", file),
		"--jwks-file: it has a private or symmetric key")
	require.Contains(t, o.refused("clients", "update", "web", "--jwks-uri", "http://web.example.com/"),
		"--jwks-uri: a client has either jwks or jwks_uri")
}

// TestTheOldSecretIsKept while the servers of the client get the new one.
func TestTheOldSecretIsKept(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	old := secretIn(t, o.ok("clients", "create", "backend", "--grant", "client_credentials"))
	current := secretIn(t, o.ok("clients", "rotate-secret", "backend", "--keep-old", "24h"))
	_, base := o.serves()
	for _, secret := range []string{old, current} {
		require.Equal(t, http.StatusOK, postForm(t, base+"/token", "backend", secret, "grant_type",
			"client_credentials").status)
	}
	require.NotEmpty(t, o.record("backend")["old_secret_until"])
	require.Contains(t, o.refused("clients", "rotate-secret", "backend", "--keep-old", "721h"), "720h")
}
