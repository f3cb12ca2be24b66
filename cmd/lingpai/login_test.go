package main

import (
	"encoding/json"
	"html"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// browsing is a browser in which alice signs in.
type browsing struct {
	t      *testing.T
	client http.Client
	page   string
	at     *url.URL
}

func newBrowsing(t *testing.T) *browsing {
	t.Helper()
	jar, err := cookiejar.New(nil)
	require.NoError(t, err)
	return &browsing{t: t, client: http.Client{Jar: jar}}
}

func (b *browsing) do(method, target string, form url.Values) {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), method, target, strings.NewReader(form.Encode()))
	require.NoError(b.t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("Sec-Fetch-Site", "same-origin")
	response, err := b.client.Do(request)
	require.NoError(b.t, err)
	defer response.Body.Close()
	page, err := io.ReadAll(response.Body)
	require.NoError(b.t, err)
	b.page, b.at = string(page), response.Request.URL
	refresh := regexp.MustCompile(`http-equiv="refresh" content="0;url=([^"]*)"`)
	if next := refresh.FindStringSubmatch(b.page); next != nil {
		b.do(http.MethodGet, b.absolute(next[1]), nil)
	}
}

func (b *browsing) absolute(reference string) string {
	b.t.Helper()
	target, err := b.at.Parse(html.UnescapeString(reference))
	require.NoError(b.t, err)
	return target.String()
}

// submit posts the form of the page.
func (b *browsing) submit(pairs ...string) {
	b.t.Helper()
	action := regexp.MustCompile(`<form method="post" action="([^"]*)"`).FindStringSubmatch(b.page)
	require.NotNil(b.t, action, b.page)
	form := url.Values{}
	hidden := regexp.MustCompile(`<input type="hidden" name="([^"]*)" value="([^"]*)">`)
	for _, field := range hidden.FindAllStringSubmatch(b.page, -1) {
		form.Set(field[1], html.UnescapeString(field[2]))
	}
	for n := 0; n < len(pairs); n += 2 {
		form.Set(pairs[n], pairs[n+1])
	}
	b.do(http.MethodPost, b.absolute(action[1]), form)
}

// issuer starts a server at the address that it names, with the user alice and the client cli, and returns the issuer.
func (o *operator) issuer() (string, *process) {
	o.t.Helper()
	address := freeAddr(o.t)
	o.env = append(o.env, "LINGPAI_SERVER_ISSUER=http://"+address, "LINGPAI_SERVER_ADDR="+address)
	o.ok("clients", "create", "cli", "--public", "--name", "The tool", "--grant", oauth.GrantDeviceCode, "--grant",
		"refresh_token", "--scope", "openid", "--scope", "profile", "--default-scope", "openid")
	o.okWith("green tea with lemon\n", "users", "create", "alice")
	p := o.start("serve")
	p.logged("serving")
	return "http://" + address, p
}

// signingIn starts "lingpai login", and returns it with the address that it prints.
func (o *operator) signingIn(issuer string, args ...string) (p *process, complete string) {
	o.t.Helper()
	p = o.start(append([]string{"login", "--issuer", issuer, "--client-id", "cli"}, args...)...)
	link := regexp.MustCompile(`or open (\S+) and check the code`)
	require.Eventually(o.t, func() bool { return link.MatchString(p.Log()) }, patience, 10*time.Millisecond)
	require.Contains(o.t, p.Log(), "Open "+issuer+"/device and enter the code ")
	return p, link.FindStringSubmatch(p.Log())[1]
}

// TestLogin signs in in a terminal and a browser, and refuses in that browser the next time.
func TestLogin(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	issuer, _ := o.issuer()
	p, complete := o.signingIn(issuer, "--scope", "openid", "--scope", "profile", "--output", "json")
	b := newBrowsing(t)
	b.do(http.MethodGet, complete, nil)
	b.submit("username", "alice", "password", "green tea with lemon")
	require.Contains(t, b.page, "The tool")
	require.Contains(t, b.page, "lingpai/")
	b.submit("decision", "allow")
	var tokens map[string]string
	require.NoError(t, json.Unmarshal([]byte(p.rest()), &tokens), p.Log())
	require.NoError(t, p.Wait(patience))
	require.Equal(t, "openid profile", tokens["scope"])
	require.NotEmpty(t, tokens["id_token"])
	refreshed := postForm(t, issuer+"/token", "cli", "", "grant_type", "refresh_token", "refresh_token",
		tokens["refresh_token"])
	require.Equal(t, http.StatusOK, refreshed.status)

	p, complete = o.signingIn(issuer)
	b.do(http.MethodGet, complete, nil)
	b.submit("decision", "deny")
	require.Equal(t, 1, p.exitCode())
	require.Contains(t, p.Log(), "lingpai: the sign-in was refused in the browser")
}

func TestLoginRefuses(t *testing.T) {
	t.Parallel()
	o := migrated(t)
	issuer, _ := o.issuer()
	for message, args := range map[string][]string{
		"--issuer and --client-id are required":       {"--issuer", issuer},
		"must be an https URL":                        {"--issuer", "http://login.example.com", "--client-id", "cli"},
		"the issuer answers invalid_client":           {"--issuer", issuer, "--client-id", "nobody"},
		"the issuer answers invalid_scope":            {"--issuer", issuer, "--client-id", "cli", "--scope", "phone"},
		"did not match the issuer":                    {"--issuer", issuer + "/", "--client-id", "cli"},
		"--output: \"yaml\" is neither text nor json": {"--output", "yaml"},
	} {
		require.Contains(t, o.refused(append([]string{"login"}, args...)...), message)
	}
}
