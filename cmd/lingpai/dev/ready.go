package dev

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"io"
	"strings"

	"github.com/lingpai/lingpai/server/settings"
)

// Ready is the line that scripts wait for. Its members are a promise.
type Ready struct {
	Issuer        string `json:"issuer"`
	TokenEndpoint string `json:"token_endpoint"`
	JWKSURI       string `json:"jwks_uri"`
	MiniProgram   struct {
		ClientID string `json:"client_id"`
		AppID    string `json:"appid"`
	} `json:"mini_program"`
	Confidential struct {
		ClientID     string `json:"client_id"`
		ClientSecret string `json:"client_secret"`
	} `json:"confidential"`
	User struct {
		Username string `json:"username"`
		Password string `json:"password"`
	} `json:"user"`
	Simulator struct {
		URL string `json:"url"`
	} `json:"simulator"`
}

func printReady(w io.Writer, asJSON bool, c settings.Settings, s seeds, d demo) error {
	ready := Ready{Issuer: c.Issuer, TokenEndpoint: c.Issuer + "/token",
		JWKSURI: c.Issuer + "/.well-known/jwks.json"}
	ready.MiniProgram.ClientID, ready.MiniProgram.AppID = miniProgram, s.AppID
	ready.Confidential.ClientID, ready.Confidential.ClientSecret = confidential, s.ClientSecret
	ready.User.Username, ready.User.Password = username, s.Password
	ready.Simulator.URL = c.WechatBaseURL
	if asJSON {
		return json.NewEncoder(w).Encode(ready)
	}
	// Not by text/template: it calls methods by name, for which the linker keeps every method of everything.
	_, err := strings.NewReplacer(
		"{issuer}", ready.Issuer, "{token_endpoint}", ready.TokenEndpoint, "{jwks_uri}", ready.JWKSURI,
		"{database}", c.DatabaseName(),
		"{header}", indented(d.header), "{claims}", indented(d.claims), "{refresh_token}", d.RefreshToken,
		"{simulator}", ready.Simulator.URL, "{appid}", s.AppID, "{mini_program}", miniProgram,
		"{client}", confidential+":"+s.ClientSecret, "{username}", username, "{password}", s.Password,
	).WriteString(w, readyText)
	return err
}

// readyText shows a token that was just fetched and verified, and how to fetch more.
const readyText = `
Lingpai is up: {issuer}          (DEVELOPMENT: simulated WeChat, this machine only)
Its data is in {database}

A mini-program just signed in: a wx.login code of the simulator was traded at {token_endpoint},
and the access token verified against {jwks_uri}.

{header}
{claims}

Try it yourself.

  # A login code, as wx.login would give it
  CODE=$(curl -s -X POST {simulator}/_sim/codes -d '{"appid":"{appid}","user":"alice"}' | cut -d'"' -f4)

  # wechat_code: the mini-program, a public client, trades it
  curl -s {token_endpoint} -d grant_type=wechat_code -d client_id={mini_program} -d "code=$CODE"

  # refresh_token: of the sign-in above. Use each once: a repeat within 30 s gets the same refresh token,` +
	` later it ends the session
  curl -s {token_endpoint} -d grant_type=refresh_token -d client_id={mini_program} -d refresh_token={refresh_token}

  # password: a first-party back end, a confidential client
  curl -s {token_endpoint} -u {client} -d grant_type=password -d username={username} -d password={password}` +
	` -d scope="openid profile"

  # client_credentials: the back end for itself
  curl -s {token_endpoint} -u {client} -d grant_type=client_credentials

Stop with Ctrl-C; start again to go on with the same keys, clients, user and sessions.
`

// tokenHeader returns the header of a compact JWS.
func tokenHeader(token string) (json.RawMessage, error) {
	header, _, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.DecodeString(header)
}

func indented(text json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Indent(&b, text, "", "  ") // was decoded before
	return b.String()
}
