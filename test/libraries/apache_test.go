package libraries_test

import (
	"crypto/rand"
	"fmt"
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
)

// startApache starts Apache with mod_auth_openidc in front of a site, which learns the user and their access token from
// headers.
func startApache(t *testing.T, s setup) string {
	t.Helper()
	for _, file := range []string{apache, apacheModules + "/mod_auth_openidc.so"} {
		if _, err := os.Stat(file); err != nil {
			harness.Skip(t, "mod_auth_openidc is not installed (Debian's packages: apache2-bin, "+
				"libapache2-mod-auth-openidc)")
		}
	}
	folder, port := t.TempDir(), harness.FreePort(t)
	self := "http://localhost:" + port
	mux := http.NewServeMux()
	mux.HandleFunc("/{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		fmt.Fprint(w, `<link rel="icon" href="data:,"><a id="sign-in" href="/private/">Sign in</a>`)
	})
	mux.HandleFunc("/private/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		token := r.Header.Get("OIDC_access_token")
		refresh := url.Values{"refresh": {self + "/private/"}, "access_token": {token}}
		logout := url.Values{"logout": {self + "/"}}
		fmt.Fprintf(w, `<link rel="icon" href="data:,"><p id="user">%s</p><p id="token">%s</p>
			<a id="refresh" href="/callback?%s">Refresh</a> <a id="sign-out" href="/callback?%s">Sign out</a>`,
			r.Header.Get("OIDC_CLAIM_preferred_username"), token, refresh.Encode(), logout.Encode())
	})
	site := httptest.NewServer(mux)
	t.Cleanup(site.Close)
	file := filepath.Join(folder, "apache.conf")
	text := strings.NewReplacer("FOLDER", folder, "MODULES", apacheModules, "PORT", port, "ISSUER", s.Issuer,
		"SECRET", s.client("apache", self), "PASSPHRASE", rand.Text(), "SITE", site.URL).
		Replace(harness.Document(t, testdata+"/apache.conf"))
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	harness.WaitFor(t, harness.Start(t, exec.Command(apache, "-DFOREGROUND", "-f", file)), "127.0.0.1:"+port)
	return self
}
