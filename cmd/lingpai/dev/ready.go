package dev

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/lingpai/lingpai/cmd/lingpai/dev/demo"
	"github.com/lingpai/lingpai/server/settings"
)

// Ready is the line of JSON that scripts wait for. Its members are a stable interface.
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

// printReady prints how to use the provider, as one line of JSON or as a screen for people.
func printReady(w io.Writer, asJSON bool, c settings.Settings, s seeds, d trial) error {
	ready := Ready{Issuer: c.Issuer, TokenEndpoint: c.Issuer + "/token",
		JWKSURI: c.Issuer + "/.well-known/jwks.json"}
	ready.MiniProgram.ClientID, ready.MiniProgram.AppID = miniProgram, s.AppID
	ready.Confidential.ClientID, ready.Confidential.ClientSecret = confidential, s.ClientSecret
	ready.User.Username, ready.User.Password = username, s.Password
	ready.Simulator.URL = c.WechatBaseURL
	if asJSON {
		return json.NewEncoder(w).Encode(ready)
	}
	colors := paletteOf(w)
	_, err := strings.NewReplacer(
		"{origin}", originOf(c.Issuer).String(), "{token_endpoint}", ready.TokenEndpoint, "{jwks_uri}", ready.JWKSURI,
		"{database}", c.DatabaseName(),
		"{header}", indented(d.header), "{claims}", indented(d.claims), "{refresh_token}", d.RefreshToken,
		"{simulator}", ready.Simulator.URL, "{appid}", s.AppID, "{mini_program}", miniProgram,
		"{client}", confidential+":"+s.ClientSecret, "{username}", username, "{password}", s.Password,
		"{up}", colors.bold("Lingpai is up: "+ready.Issuer),
	).WriteString(w, readyText)
	if err != nil {
		return err
	}
	return printSummary(w, colors, ready)
}

// printSummary prints the table that ends the screen.
func printSummary(w io.Writer, colors palette, r Ready) error {
	for _, row := range [][2]string{
		{"URL", r.Issuer},
		{"Demo site", originOf(r.Issuer).String() + demo.Path},
		{"Clients", r.MiniProgram.ClientID + " (public, app " + r.MiniProgram.AppID + ")"},
		{"", r.Confidential.ClientID + " (secret " + r.Confidential.ClientSecret + ")"},
		{"User", r.User.Username + " (password " + r.User.Password + ")"},
		{"Simulator", r.Simulator.URL},
	} {
		if _, err := fmt.Fprintln(w, colors.bold(fmt.Sprintf("  %-9s", row[0])), row[1]); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintln(w)
	return err
}

// readyText shows a token that was just fetched and verified, and how to fetch more.
const readyText = `
{up}          (DEVELOPMENT: simulated WeChat, this machine only)
Its data is in {database}

A mini-program just signed in: it exchanged a wx.login code of the simulator at {token_endpoint},
and the access token was verified against {jwks_uri}.

{header}
{claims}

In a browser:
  {origin}/      users, clients and the last requests
  {origin}/demo  a site to sign in to, which explains its tokens

Try it yourself.

  # A login code, as wx.login returns it
  CODE=$(curl -s -X POST {simulator}/_sim/codes -d '{"appid":"{appid}","user":"alice"}' | cut -d'"' -f4)

  # wechat_code: the mini-program, a public client, exchanges it
  curl -s {token_endpoint} -d grant_type=wechat_code -d client_id={mini_program} -d "code=$CODE"

  # refresh_token: of the sign-in above. Use each once: a repeat within 30 s returns the same refresh token,` +
	` a later one ends the session
  curl -s {token_endpoint} -d grant_type=refresh_token -d client_id={mini_program} -d refresh_token={refresh_token}

  # password: a first-party back end, a confidential client
  curl -s {token_endpoint} -u {client} -d grant_type=password -d username={username} -d password={password}` +
	` -d scope="openid profile"

  # client_credentials: the back end on its own behalf
  curl -s {token_endpoint} -u {client} -d grant_type=client_credentials

Stop with Ctrl-C; started again, it keeps keys, clients, the user and sessions. Requests are logged below.

`

// tokenHeader returns the header of a compact JWS.
func tokenHeader(token string) (json.RawMessage, error) {
	header, _, _ := strings.Cut(token, ".")
	return base64.RawURLEncoding.DecodeString(header)
}

func indented(text json.RawMessage) string {
	var b bytes.Buffer
	_ = json.Indent(&b, text, "", "  ") // it is valid: it was decoded before
	return b.String()
}
