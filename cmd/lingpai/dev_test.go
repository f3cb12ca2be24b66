package main

import (
	"encoding/json"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/lingpai/lingpai/cmd/lingpai/dev"

	"github.com/stretchr/testify/require"
)

type devReady = dev.Ready

// development is a running "lingpai dev" that is ready.
type development struct {
	*process
	devReady
}

// develop starts dev on a folder and reads the line that says that it is ready.
func (o *operator) develop(data string) development {
	o.t.Helper()
	d := development{process: o.start("dev", "--addr", "127.0.0.1:0", "--data", data, "--output", "json")}
	require.NoError(o.t, json.Unmarshal([]byte(d.line()), &d.devReady))
	return d
}

// signIn exchanges a code of the simulator, as the mini-program.
func (d development) signIn() reply {
	d.t.Helper()
	return postForm(d.t, d.TokenEndpoint, d.MiniProgram.ClientID, "", "grant_type", "wechat_code", "code", d.code())
}

func (d development) code() string {
	d.t.Helper()
	return postJSON(d.t, d.Simulator.URL+"/_sim/codes", `{"appid":"`+d.MiniProgram.AppID+`","user":"bob"}`).text("code")
}

func (d development) refresh(token string) reply {
	d.t.Helper()
	return postForm(d.t, d.TokenEndpoint, d.MiniProgram.ClientID, "", "grant_type", "refresh_token",
		"refresh_token", token)
}

// backend requests a token as the confidential client.
func (d development) backend(pairs ...string) reply {
	d.t.Helper()
	return postForm(d.t, d.TokenEndpoint, d.Confidential.ClientID, d.Confidential.ClientSecret, pairs...)
}

func (d development) passwordGrant() reply {
	d.t.Helper()
	return d.backend("grant_type", "password", "username", d.User.Username, "password", d.User.Password)
}

func (d development) keySet() string {
	d.t.Helper()
	response, err := http.Get(d.JWKSURI)
	require.NoError(d.t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	require.NoError(d.t, err)
	return string(body)
}

func TestDevPrintsOneLineOfJSONForScriptsAndStaysUp(t *testing.T) {
	o := newOperator(t)
	p := o.start("dev", "--addr", "127.0.0.1:0", "--data", "data", "--output", "json")
	line := p.line()
	var members map[string]any
	require.NoError(t, json.Unmarshal([]byte(line), &members))
	require.Equal(t, []string{"confidential", "issuer", "jwks_uri", "mini_program", "simulator", "token_endpoint",
		"user"}, slices.Sorted(maps.Keys(members)))
	for name, want := range map[string][]string{
		"mini_program": {"appid", "client_id"}, "confidential": {"client_id", "client_secret"},
		"user": {"password", "username"}, "simulator": {"url"},
	} {
		inner := members[name].(map[string]any)
		require.Equal(t, want, slices.Sorted(maps.Keys(inner)))
		for _, value := range inner {
			require.NotEmpty(t, value)
		}
	}
	d := development{process: p}
	require.NoError(t, json.Unmarshal([]byte(line), &d.devReady))
	require.Equal(t, d.Issuer+"/token", d.TokenEndpoint)
	issuer, err := url.Parse(d.Issuer)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1", issuer.Hostname())

	require.Equal(t, http.StatusOK, d.signIn().status)
	ready := get(t, d.Issuer+"/readyz")
	require.Equal(t, http.StatusOK, ready.status)
	require.Contains(t, ready.members["checks"], map[string]any{"name": "wechat", "ok": true,
		"note": "a simulator, not WeChat"})
	require.NoError(t, p.stop())
	require.Empty(t, p.rest(), "one line is all")
	require.Empty(t, p.Log())
}

func TestDevsConfidentialClientHasEveryGrantAndTheSameApp(t *testing.T) {
	d := newOperator(t).develop("data")
	signedIn := d.backend("grant_type", "wechat_code", "code", d.code())
	require.Equal(t, http.StatusOK, signedIn.status, signedIn.members)
	require.Equal(t, http.StatusOK, d.backend("grant_type", "refresh_token", "refresh_token",
		signedIn.text("refresh_token")).status)
	require.Equal(t, http.StatusOK, d.passwordGrant().status)
}

func TestDevHonorsTheUsualVariables(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	addr := listener.Addr().String()
	listener.Close()
	o := newOperator(t, "LINGPAI_TOKEN_ACCESS_TTL=2m", "LINGPAI_SESSION_REFRESH_GRACE=0s",
		"LINGPAI_DATABASE_URL=sqlite:elsewhere.db", "LINGPAI_SERVER_ADDR="+addr)
	d := development{process: o.start("dev", "--data", "data", "--output", "json")}
	require.NoError(t, json.Unmarshal([]byte(d.line()), &d.devReady))
	require.Equal(t, "http://"+addr, d.Issuer)
	signedIn := d.signIn()
	require.EqualValues(t, 120, signedIn.members["expires_in"])
	require.Equal(t, http.StatusOK, d.refresh(signedIn.text("refresh_token")).status)
	require.Equal(t, "invalid_grant", d.refresh(signedIn.text("refresh_token")).text("error"),
		"without a window a repeat is theft")
	require.FileExists(t, filepath.Join(o.folder, "elsewhere.db"))
	require.NoFileExists(t, filepath.Join(o.folder, "data", "lingpai.db"))
}

func TestDevTakesTheNextFreePortUnlessOneIsAskedFor(t *testing.T) {
	occupied, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	defer occupied.Close()
	o := newOperator(t)
	message := o.refused("dev", "--addr", occupied.Addr().String(), "--data", "data")
	require.Contains(t, message, "--addr")
	require.Contains(t, message, occupied.Addr().String())
	o = o.with("LINGPAI_SERVER_ADDR=" + occupied.Addr().String())
	d := development{process: o.start("dev", "--data", "data", "--output", "json")}
	require.NoError(t, json.Unmarshal([]byte(d.line()), &d.devReady))
	require.NotContains(t, d.Issuer, occupied.Addr().String())
	require.Equal(t, http.StatusOK, get(t, d.Issuer+"/healthz").status)
}

func TestDevStaysOnThisMachine(t *testing.T) {
	o := newOperator(t)
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.168.1.20:0", "10.0.0.1:0", "example.com:0"} {
		require.Contains(t, o.refused("dev", "--addr", addr), "on loopback only", addr)
		require.Contains(t, o.with("LINGPAI_SERVER_ADDR="+addr).refused("dev"), "on loopback only", addr)
	}
	require.Contains(t, o.refused("dev", "--addr", "8080"),
		`server.addr (LINGPAI_SERVER_ADDR): "8080" from --addr: not host:port`)
	require.Contains(t, o.with("LINGPAI_WECHAT_BASE_URL=https://api.weixin.qq.com").refused("dev"),
		"does not call WeChat")
	require.Contains(t, o.with("LINGPAI_SERVER_ISSUER=https://login.example.com").refused("dev"), "is not on loopback")
	require.Contains(t, o.refused("dev", "--output", "yaml"), "--output")
	require.NoDirExists(t, filepath.Join(o.folder, ".lingpai"), "a refusal leaves nothing")
}

func TestDevUsesASimulatorThatIsRunningAlready(t *testing.T) {
	o := newOperator(t)
	p := o.start("wechat-simulator", "--addr", "127.0.0.1:0")
	base := strings.TrimSpace(strings.TrimPrefix(p.line(), "WeChat simulator: "))
	for range 2 { // the second start finds its app registered
		d := o.with("LINGPAI_WECHAT_BASE_URL=" + base).develop("data")
		require.Equal(t, base, d.Simulator.URL)
		require.Equal(t, http.StatusOK, d.signIn().status)
		require.NoError(t, d.stop())
	}
	require.NoError(t, p.stop())
	require.Contains(t, o.with("LINGPAI_WECHAT_BASE_URL="+base).refused("dev", "--addr", "127.0.0.1:0", "--data",
		"data"), base+"/_sim/apps")
}
