package main

import (
	"net"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestAnAddressInUseIsReported, with advice.
func TestAnAddressInUseIsReported(t *testing.T) {
	o := migrated(t)
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer taken.Close()
	addr := taken.Addr().String()
	require.Contains(t, o.with("LINGPAI_SERVER_ADDR="+addr, "LINGPAI_SERVER_ISSUER=http://"+addr).refused("serve"),
		"server.addr: "+addr+" is in use by another program, perhaps another lingpai; stop it")
	require.Contains(t, o.refused("wechat-simulator", "--addr", addr), "--addr: "+addr+" is in use by another program")
}

// TestAnAppSecretIsNotEncryptedWithAForeignMasterKey, such as one that replaced the first by mistake: the server could
// not decrypt it.
func TestAnAppSecretIsNotEncryptedWithAForeignMasterKey(t *testing.T) {
	h := newTestServer(t)
	h.write("secret", simSecret)
	stranger := h.with("LINGPAI_MASTER_KEY=" + strings.TrimSpace(h.ok("keys", "new-master-key")))
	require.Contains(t, stranger.refused("apps", "add", "wx00000000000000aa", "--secret-file", "secret"), "master key")
	require.Contains(t, stranger.refused("apps", "rotate-secret", appID, "--secret-file", "secret"), "master key")
	h.ok("apps", "add", "wx00000000000000aa", "--secret-file", "secret")
}
