package lingpai

import (
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// byPassword signs somebody in with the password of the old program.
func (m *migration) byPassword(t *testing.T, username, password string) string {
	t.Helper()
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}, "scope": {"api"}}
	return m.tokens(t, form, m.Confidential.ClientID, m.Confidential.ClientSecret).AccessToken
}

// byWechat signs somebody in who shows WeChat's code, at the app whose openids were imported.
func (m *migration) byWechat(t *testing.T, user, client string) string {
	t.Helper()
	return m.tokens(t, url.Values{"grant_type": {"wechat_code"}, "client_id": {client}, "code": {m.code(t, user)}},
		"", "").AccessToken
}

// code is what wx.login gives to a mini-program.
func (m *migration) code(t *testing.T, user string) string {
	t.Helper()
	var minted struct{ Code string }
	body, _ := json.Marshal(map[string]string{"appid": m.MiniProgram.AppID, "user": user})
	require.Equal(t, http.StatusOK, migrateJSON(t, http.MethodPost, m.Simulator.URL+"/_sim/codes",
		"application/json", string(body), &minted))
	return minted.Code
}

// idToken signs somebody in at the mini-program, and returns the token that tells it who that is.
func (m *migration) idToken(t *testing.T, user string) string {
	t.Helper()
	form := url.Values{"grant_type": {"wechat_code"}, "client_id": {m.MiniProgram.ClientID},
		"code": {m.code(t, user)}, "scope": {"openid"}}
	token := m.tokens(t, form, "", "").IDToken
	require.NotEmpty(t, token)
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	var claims map[string]any
	require.NoError(t, json.Unmarshal(payload, &claims))
	require.Equal(t, m.Issuer, claims["iss"])
	require.Equal(t, m.MiniProgram.ClientID, claims["aud"])
	for _, name := range []string{"exp", "sub", "sid"} {
		require.Contains(t, claims, name)
	}
	return token
}

// byItself gets a token that no user signed in for.
func (m *migration) byItself(t *testing.T) string {
	t.Helper()
	return m.tokens(t, url.Values{"grant_type": {"client_credentials"}}, m.Confidential.ClientID,
		m.Confidential.ClientSecret).AccessToken
}

// migrateTokens is what /token answers.
type migrateTokens struct {
	AccessToken string `json:"access_token"`
	IDToken     string `json:"id_token"`
	Description string `json:"error_description"`
}

func (m *migration) tokens(t *testing.T, form url.Values, client, secret string) migrateTokens {
	t.Helper()
	target := m.Issuer + "/token"
	if secret != "" {
		target = strings.Replace(target, "://", "://"+url.UserPassword(client, secret).String()+"@", 1)
	}
	var answer migrateTokens
	require.Equal(t, http.StatusOK, migrateJSON(t, http.MethodPost, target, "application/x-www-form-urlencoded",
		form.Encode(), &answer), answer.Description)
	return answer
}

// migrateSubject is the "sub" of a token.
func migrateSubject(t *testing.T, token string) string {
	t.Helper()
	var claims struct {
		Subject string `json:"sub"`
	}
	payload, err := base64.RawURLEncoding.DecodeString(strings.Split(token, ".")[1])
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal(payload, &claims))
	return claims.Subject
}

// migrateJSON sends a request, reads the answer into a value, and returns its status.
func migrateJSON(t *testing.T, method, target, contentType, body string, answer any) int {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, target, strings.NewReader(body))
	require.NoError(t, err)
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	require.NoError(t, json.NewDecoder(response.Body).Decode(answer))
	return response.StatusCode
}

// refused says that a password signs nobody in.
func (m *migration) refused(t *testing.T, username, password, why string) {
	t.Helper()
	target := strings.Replace(m.Issuer, "://", "://"+url.UserPassword(m.Confidential.ClientID,
		m.Confidential.ClientSecret).String()+"@", 1) + "/token"
	var answer struct{ Error string }
	form := url.Values{"grant_type": {"password"}, "username": {username}, "password": {password}}
	require.Equal(t, http.StatusBadRequest, migrateJSON(t, http.MethodPost, target,
		"application/x-www-form-urlencoded", form.Encode(), &answer), why)
	require.Equal(t, "invalid_grant", answer.Error, why)
}

// migrateMint signs what the old programs signed, with the library that they signed with, and what thieves try.
const migrateMint = `
import { createPublicKey } from 'node:crypto'
import bcrypt from 'bcryptjs'
import jwt from 'jsonwebtoken'
const { tokens, passwords, issuer } = JSON.parse(process.argv[1])
const { keys } = await (await fetch(issuer + '/.well-known/jwks.json')).json()
const pem = createPublicKey({ key: keys[0], format: 'jwk' }).export({ type: 'spki', format: 'pem' })
const signed = {}
for (const [name, { claims, key, algorithm, kid, typ }] of Object.entries(tokens)) {
  signed[name] = jwt.sign(claims, key === 'PEM' ? pem : key, { algorithm, header: { kid: kid === 'LINGPAI' ? keys[0].kid : kid, typ: typ || 'JWT' } })
}
console.log(JSON.stringify({ signed, hashes: passwords?.map(p => bcrypt.hashSync(p, 10)) }))`

// migrateToken is what migrateMint signs: the key "PEM" is the server's public one, as text.
type migrateToken struct {
	Claims    map[string]any `json:"claims"`
	Key       string         `json:"key"`
	Algorithm string         `json:"algorithm"`
	KeyID     string         `json:"kid,omitempty"`
	Type      string         `json:"typ,omitempty"`
}

func (m *migration) mint(t *testing.T, tokens map[string]migrateToken, passwords ...string) (map[string]string,
	[]string) {
	t.Helper()
	wanted, err := json.Marshal(map[string]any{"tokens": tokens, "passwords": passwords, "issuer": m.Issuer})
	require.NoError(t, err)
	out := m.node(t, "", nil, "--input-type=module", "--eval", migrateMint, string(wanted))
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
	cmd := exec.CommandContext(t.Context(), migrateTool(t, "node"), args...)
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

// thieves returns tokens that say what a good old one says, or a good new one, and that nobody signed who may.
func (m *migration) thieves(good migrateToken, id string) map[string]migrateToken {
	likeNew := map[string]any{"iss": m.Issuer, "aud": migrateAudience, "sub": id, "sid": "s", "scope": "api",
		"client_id": m.MiniProgram.ClientID,
		"iat":       time.Now().Unix(), "exp": time.Now().Add(time.Hour).Unix()}
	tokens := map[string]migrateToken{
		"HS256 with the server's public key":               {good.Claims, "PEM", "HS256", "LINGPAI", ""},
		"HS256 with the server's public key, as a new one": {likeNew, "PEM", "HS256", "LINGPAI", "at+jwt"},
		"alg none":                  {good.Claims, "", "none", "", ""},
		"alg none, as a new one":    {likeNew, "", "none", "LINGPAI", "at+jwt"},
		"HS256 with another secret": {good.Claims, "a guess", "HS256", "", ""},
	}
	if good.Algorithm == "HS256" {
		tokens["a new one that is signed with the old secret"] = migrateToken{likeNew, good.Key, "HS256",
			"LINGPAI", "at+jwt"}
		tokens["another algorithm of the old secret"] = migrateToken{good.Claims, good.Key, "HS512", "", ""}
	}
	return tokens
}

// forged are the tokens that no API may take: what thieves signed, and what the server signed for somebody else.
func (m *migration) forged(t *testing.T, user string, tokens map[string]string) map[string]string {
	t.Helper()
	forged := map[string]string{"of the server, for another API": m.byWechat(t, user, migrateOther),
		"of the server, for a client": m.byItself(t)}
	for name, token := range tokens {
		if name != "good" {
			forged[name] = token
		}
	}
	return forged
}
