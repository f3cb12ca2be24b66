package main

import (
	crypto "crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"flag"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// killed runs a command and ends it like kill -9, after a random time; it may end by itself before.
func (o *shell) killed(within time.Duration, args ...string) {
	o.t.Helper()
	cmd := o.command(o.t.Context(), args...)
	require.NoError(o.t, cmd.Start())
	time.Sleep(rand.N(within))
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
}

// killingFor is how long TestKillingRotationsHarmsNothing kills, or longer if no rotation has completed by then.
var killingFor = flag.Duration("killing.for", 8*time.Second,
	"how long commands and servers that rotate keys are killed")

// TestKillingRotationsHarmsNothing kills commands that rotate, import and revoke, and servers that rotate by
// themselves. A server still works afterwards.
func TestKillingRotationsHarmsNothing(t *testing.T) {
	t.Parallel()
	r := newRotating(t, "LINGPAI_KEYS_INTERVAL=6s")
	require.NoError(t, os.WriteFile(filepath.Join(r.folder, "own.pem"), pemOfNewKey(t), 0o600))
	refresh, err := r.ask("", "grant_type", "wechat_code", "code", r.code("alice"))
	require.NoError(t, err)
	for begun := time.Now(); time.Since(begun) < *killingFor ||
		!r.hasRotated() && time.Since(begun) < *killingFor+patience; {
		victim := r.replicas[rand.N(2)]
		victim.kill()
		r.killed(150*time.Millisecond, "keys", "rotate")
		r.killed(150*time.Millisecond, "keys", "import", "own.pem")
		r.killed(150*time.Millisecond, "keys", "revoke", "--now", "--", r.announced())
		require.NoError(t, victim.start())
		token, err := r.token()
		require.NoError(t, err)
		require.NoError(t, (&kept{url: r.issuer + "/.well-known/jwks.json"}).verify(t.Context(), token))
		refresh, err = r.ask("", "grant_type", "refresh_token", "refresh_token", refresh)
		require.NoError(t, err, "no session is lost")
	}
	states := r.states()
	require.Equal(t, 1, states["signing signing"])
	require.Equal(t, 1, states["refresh signing"])
	require.NotZero(t, states["signing announced"])
	require.True(t, r.hasRotated(), states)
}

// states counts the keys by purpose and state.
func (r *rotating) states() map[string]int {
	states := map[string]int{}
	for _, row := range r.listed("keys", "list") {
		states[row["purpose"].(string)+" "+row["state"].(string)]++
	}
	return states
}

// hasRotated reports whether a signing key was replaced.
func (r *rotating) hasRotated() bool {
	states := r.states()
	return states["signing retired"]+states["signing gone"] > 0
}

// announced returns the id of the next signing key.
func (r *rotating) announced() string {
	for _, row := range r.listed("keys", "list") {
		if row["purpose"] == "signing" && row["state"] == "announced" {
			return row["id"].(string)
		}
	}
	return "none"
}

// TestKillingRewrapsHarmsNothing changes back and forth between two master keys while servers that have both serve, and
// kills each rewrap. A rewrap that completes makes the other master key unnecessary.
func TestKillingRewrapsHarmsNothing(t *testing.T) {
	t.Parallel()
	f := onSharedServers(t)
	first := f.variable("LINGPAI_MASTER_KEY")
	second := strings.TrimSpace(f.ok("keys", "new-master-key"))
	second = "another" + second[strings.Index(second, ":"):]
	// so that session keys are stored
	f.ok("clients", "create", "data", "--grant", "wechat_code", "--app", appID, "--audience", audience,
		"--scope", "wechat.data")
	r := f.replicas[0]
	r.kill()
	r.o = f.with("LINGPAI_MASTER_KEY=" + first + "," + second)
	require.NoError(t, r.start())
	signedIn := func() {
		a, err := r.token("", "grant_type", "wechat_code", "code", f.code("alice"))
		require.NoError(t, err)
		require.Equal(t, 200, a.status)
	}
	for n := range 20 {
		order := first + "," + second
		if n%2 == 0 {
			order = second + "," + first
		}
		f.with("LINGPAI_MASTER_KEY="+order).killed(120*time.Millisecond, "keys", "rewrap")
		signedIn()
	}
	f.with("LINGPAI_MASTER_KEY="+first+","+second).ok("keys", "rewrap")
	require.Contains(t, f.with("LINGPAI_MASTER_KEY="+second).refused("keys", "rewrap"), "which is not in master_key")
	both := f.with("LINGPAI_MASTER_KEY=" + second + "," + first)
	halfway := both.with("LINGPAI_REDIS_URL=redis://127.0.0.1:1").types("", "keys", "rewrap")
	require.Equal(t, 1, halfway.code)
	require.Contains(t, halfway.stdout, "encrypted 4 keys and 1 app secret again with master key another\n")
	require.Contains(t, halfway.stderr, "keep all entries of master_key")
	said := both.with("LINGPAI_REDIS_URL=").ok("keys", "rewrap")
	require.Contains(t, said, "another, the first entry of master_key, had already encrypted all of them")
	require.Regexp(t, `can be removed from master_key, if all servers .* and none has a redis.url`, said,
		"session keys there are sealed with it still")
	said = both.ok("keys", "rewrap")
	require.Contains(t, said, "\nencrypted 1 session key again\n")
	require.Contains(t, said, strings.Split(first,
		":")[0]+" can be removed from master_key, if all servers have had another first")
	require.NotContains(t, said, "redis.url")
	r.kill()
	r.o = f.with("LINGPAI_MASTER_KEY=" + second)
	require.NoError(t, r.start())
	signedIn()
	require.Contains(t, f.refused("keys", "rewrap"), `sealed with master key "another", which is not in master_key`)
}

func pemOfNewKey(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(crypto.Reader, 3072)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}
