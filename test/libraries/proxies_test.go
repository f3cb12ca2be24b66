package libraries_test

import (
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

const (
	apache        = "/usr/sbin/apache2" // outside the path of most users
	apacheModules = "/usr/lib/apache2/modules"
	nginx         = "/usr/sbin/nginx"
)

var oauth2Proxy = flag.String("oauth2-proxy", "", "path of the program oauth2-proxy")

// behindProxy starts a site that knows nothing about OpenID Connect, and returns its host and port. A proxy passes the
// user and their access token to it in headers.
func behindProxy(t *testing.T, s setup, userHeader, tokenHeader, signOut string) string {
	t.Helper()
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprintf(w, `<p id="user">%s</p><a id="profile" href="/profile">Profile</a>
			<a id="sign-out" href="%s">Sign out</a>`, r.Header.Get(userHeader), signOut)
	})
	mux.HandleFunc("/profile", func(w http.ResponseWriter, r *http.Request) {
		request, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, s.Issuer+"/userinfo", nil)
		request.Header.Set("Authorization", "Bearer "+r.Header.Get(tokenHeader))
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer answer.Body.Close()
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.Copy(w, answer.Body)
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	return strings.TrimPrefix(server.URL, "http://")
}

// startApache starts Apache with mod_auth_openidc in front of a site.
func startApache(t *testing.T, s setup) string {
	t.Helper()
	for _, file := range []string{apache, apacheModules + "/mod_auth_openidc.so"} {
		if _, err := os.Stat(file); err != nil {
			harness.Skip(t, "mod_auth_openidc is not installed (Debian's packages: apache2-bin, "+
				"libapache2-mod-auth-openidc)")
		}
	}
	folder := t.TempDir()
	port, self := freeSite(t)
	site := behindProxy(t, s, "OIDC_CLAIM_preferred_username", "OIDC_access_token",
		"/callback?"+url.Values{"logout": {self + "/"}}.Encode())
	shop, file := filepath.Join(folder, "shop.conf"), filepath.Join(folder, "apache.conf")
	write(t, shop, replace(t, harness.Document(t, programs+"/apache/shop.conf"), ":3000", ":"+port,
		"http://127.0.0.1:8080", s.Issuer, "127.0.0.1:9000", site))
	write(t, file, replace(t, harness.Document(t, testdata+"/apache.conf"), "FOLDER", folder, "MODULES", apacheModules,
		"SITE", shop))
	command := exec.Command(apache, "-X", "-f", file)
	command.Env = s.register(t, "Apache", self)
	harness.WaitFor(t, harness.Start(t, command), "127.0.0.1:"+port)
	return self
}

// TestOAuth2Proxy signs in at a site behind nginx and oauth2-proxy.
func TestOAuth2Proxy(t *testing.T) {
	t.Parallel()
	if *oauth2Proxy == "" {
		t.Skip(".ci/long oauth2-proxy builds the program and runs this test")
	}
	testGuide(t, harness.Chromium(t), start(t), site{library: "oauth2-proxy", client: "shop-nginx",
		start: startOAuth2Proxy, gated: true, asks: true})
}

func startOAuth2Proxy(t *testing.T, s setup) string {
	t.Helper()
	for _, program := range []string{nginx, "redis-server"} {
		if _, err := exec.LookPath(program); err != nil {
			harness.Skip(t, program+" is not installed (Debian's packages: nginx-light and redis-server)")
		}
	}
	folder := t.TempDir()
	port, self := freeSite(t)
	proxy, redis := "127.0.0.1:"+harness.FreePort(t), "127.0.0.1:"+harness.FreePort(t)
	issuer := strings.TrimPrefix(s.Issuer, "http://")
	_, redisPort, _ := strings.Cut(redis, ":")
	harness.WaitFor(t, harness.Start(t, exec.Command("redis-server", "--port", redisPort, "--save", "")), redis)

	config := filepath.Join(folder, "oauth2-proxy.cfg")
	write(t, config, replace(t, harness.Document(t, programs+"/nginx/oauth2-proxy.cfg"), "127.0.0.1:4180", proxy,
		"127.0.0.1:8080", issuer, "localhost:3000", "localhost:"+port, "127.0.0.1:6379", redis,
		`cookie_refresh = "50m"`, `cookie_refresh = "1s"`))
	command := exec.Command(*oauth2Proxy, "--config", config)
	command.Env = s.register(t, "nginx with oauth2-proxy", self)
	harness.WaitFor(t, harness.Start(t, command), proxy)

	site := behindProxy(t, s, "X-User", "X-Access-Token", signOutLink(t, s, self))
	gateway := filepath.Join(folder, "nginx.conf")
	write(t, gateway, "daemon off; master_process off; pid "+folder+"/nginx.pid; error_log stderr;\n"+
		replace(t, harness.Document(t, programs+"/nginx/nginx.conf"), "127.0.0.1:3000", "127.0.0.1:"+port,
			"127.0.0.1:4180", proxy, "127.0.0.1:9000", site, "\nhttp {", "\nhttp { access_log off;"))
	harness.WaitFor(t, harness.Start(t, exec.Command(nginx, "-p", folder, "-c", gateway)), "127.0.0.1:"+port)
	return self
}

// signOutLink returns the link of the guide for signing out, for a server and a site.
func signOutLink(t *testing.T, s setup, self string) string {
	t.Helper()
	_, target, found := strings.Cut(section(t, "nginx with oauth2-proxy"), "percent-encoded: `")
	require.True(t, found)
	target, _, _ = strings.Cut(target, "`")
	target = replace(t, target, "http://127.0.0.1:8080", s.Issuer, "http%3A%2F%2Flocalhost%3A3000%2F",
		url.QueryEscape(self+"/"))
	return "/oauth2/sign_out?rd=" + url.QueryEscape(target)
}

func write(t *testing.T, path, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
}
