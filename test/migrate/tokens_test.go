package migrate_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// mintScript signs the tokens of the old programs, with their library, and forgeries.
const mintScript = `
import { createPublicKey } from 'node:crypto'
import bcrypt from 'bcryptjs'
import jwt from 'jsonwebtoken'
const { tokens, passwords, issuer } = JSON.parse(process.argv[1])
const { keys } = await (await fetch(issuer + '/.well-known/jwks.json')).json()
const pem = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' })
const signed = {}
for (const [name, { claims, key, algorithm, kid, typ }] of Object.entries(tokens)) {
  const header = { kid: kid === 'LINGPAI' ? keys[0].kid : kid, typ: typ || 'JWT' }
  signed[name] = jwt.sign(claims, key === 'PEM' ? pem : key, { algorithm, header })
}
console.log(JSON.stringify({ signed, hashes: passwords?.map(p => bcrypt.hashSync(p, 10)) }))`

// oldClaims is a token for mintScript to sign. The key "PEM" is the server's public key, as text.
type oldClaims struct {
	Claims    map[string]any `json:"claims"`
	Key       string         `json:"key"`
	Algorithm string         `json:"algorithm"`
	KeyID     string         `json:"kid,omitempty"`
	Type      string         `json:"typ,omitempty"`
}

func (m *migration) mint(t *testing.T, tokens map[string]oldClaims, passwords ...string) (map[string]string,
	[]string) {
	t.Helper()
	wanted, err := json.Marshal(map[string]any{"tokens": tokens, "passwords": passwords, "issuer": m.Issuer})
	require.NoError(t, err)
	out := m.node(t, "", nil, "--input-type=module", "--eval", mintScript, string(wanted))
	var minted struct {
		Signed map[string]string
		Hashes []string
	}
	require.NoError(t, json.Unmarshal([]byte(out), &minted))
	return minted.Signed, minted.Hashes
}

// node runs a program of docs/examples to its end.
func (m *migration) node(t *testing.T, stdin string, env []string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), tool(t, "node"), args...)
	cmd.Dir, cmd.Stdin = m.examples, strings.NewReader(stdin)
	cmd.Env = append(os.Environ(), env...)
	var log strings.Builder
	cmd.Stderr = &log
	out, err := cmd.Output()
	require.NoError(t, err, "%s", log.String())
	if log.Len() > 0 {
		t.Log(strings.TrimSpace(log.String()))
	}
	return string(out)
}

// thieves returns forgeries with the claims of a valid old or new token.
func (m *migration) thieves(good oldClaims, id string) map[string]oldClaims {
	likeNew := map[string]any{"iss": m.Issuer, "aud": harness.Audience, "sub": id, "sid": "s", "scope": "api",
		"client_id": m.MiniProgram.ClientID,
		"iat":       time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	tokens := map[string]oldClaims{
		"HS256 with the server's public key":               {good.Claims, "PEM", "HS256", "LINGPAI", ""},
		"HS256 with the server's public key, as a new one": {likeNew, "PEM", "HS256", "LINGPAI", "at+jwt"},
		"alg none":                  {good.Claims, "", "none", "", ""},
		"alg none, as a new one":    {likeNew, "", "none", "LINGPAI", "at+jwt"},
		"HS256 with another secret": {good.Claims, "a guess", "HS256", "", ""},
	}
	if good.Algorithm == "HS256" {
		tokens["a new one that is signed with the old secret"] = oldClaims{likeNew, good.Key, "HS256",
			"LINGPAI", "at+jwt"}
		tokens["another algorithm of the old secret"] = oldClaims{good.Claims, good.Key, "HS512", "", ""}
	}
	return tokens
}

// forged returns the tokens that an API must reject: forgeries, and the server's tokens for another API or client.
func (m *migration) forged(t *testing.T, user string, tokens map[string]string) map[string]string {
	t.Helper()
	forged := map[string]string{"of the server, for another API": m.byWechat(t, user, otherClient),
		"of the server, for a client": m.byItself(t)}
	for name, token := range tokens {
		if name != "good" {
			forged[name] = token
		}
	}
	return forged
}
