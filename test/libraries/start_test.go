package libraries_test

import (
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

const (
	guide    = "docs/sites.md"
	examples = "docs/examples"
	programs = examples + "/sites"
)

// section returns a section of the guide.
func section(t *testing.T, heading string) string {
	t.Helper()
	_, text, found := strings.Cut(harness.Document(t, guide), "\n## "+heading+"\n")
	require.True(t, found, heading)
	text, _, _ = strings.Cut(text, "\n## ")
	return text
}

// register registers the client of a section by the section's own commands, for a site at localhost, and returns the
// environment of the shell after them.
func (s setup) register(t *testing.T, heading, self string) (env []string) {
	t.Helper()
	shell, err := exec.LookPath("bash")
	if err != nil {
		harness.Skip(t, "bash is not installed")
	}
	folder := t.TempDir()
	require.NoError(t, os.Symlink(s.Program, filepath.Join(folder, "lingpai")))
	for _, block := range harness.Fenced(section(t, heading)) {
		if !strings.Contains(block, "./lingpai clients create ") {
			continue
		}
		command := exec.CommandContext(t.Context(), shell, "-euc", "{ "+block+"}>&2; env -0")
		command.Dir, command.Env = folder, append(s.Environment(), "ISSUER="+s.Issuer, "SITE="+self)
		var log strings.Builder
		command.Stderr = &log
		out, err := command.Output()
		require.NoError(t, err, log.String())
		return strings.Split(strings.Trim(string(out), "\x00"), "\x00")
	}
	require.Fail(t, "the section registers no client", heading)
	return nil
}

// freeSite returns a port that nothing listens on, and its address in the browser.
func freeSite(t *testing.T) (port, self string) {
	t.Helper()
	port = harness.FreePort(t)
	return port, "http://localhost:" + port
}

// startNode starts a program of the guide for Node, with the environment of its section.
func startNode(t *testing.T, s setup, heading, program string) string {
	t.Helper()
	port, self := freeSite(t)
	folder := nodeFolder(t)
	require.NoError(t, os.CopyFS(filepath.Join(folder, "sites"), os.DirFS(harness.Path(programs))))
	harness.DependsOn(t, harness.Path(programs))
	command := exec.Command("node", filepath.Join(folder, "sites", filepath.FromSlash(program)))
	command.Env = s.register(t, heading, self)
	harness.WaitFor(t, harness.Start(t, command), "127.0.0.1:"+port)
	return self
}

// nodeFolder returns a folder for programs that have the libraries of the guide.
func nodeFolder(t *testing.T) string {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		harness.Skip(t, "Node.js 20 is not installed (Debian's packages: nodejs and npm)")
	}
	folder := t.TempDir()
	if err := harness.UseNodeModules(t, harness.Path(examples), folder); err != nil {
		harness.Skip(t, err.Error())
	}
	return folder
}

func startAuthJS(t *testing.T, s setup) string {
	t.Helper()
	return startNode(t, s, "Auth.js", "authjs.mjs")
}

func startBackend(t *testing.T, s setup) string {
	t.Helper()
	return startNode(t, s, "A single-page application", "bff/server.mjs")
}

func startPassport(t *testing.T, s setup) string {
	t.Helper()
	return startNode(t, s, "passport", "passport.mjs")
}

func startGoSite(t *testing.T, s setup) string {
	t.Helper()
	port, self := freeSite(t)
	program := filepath.Join(t.TempDir(), "site")
	harness.DependsOn(t, harness.Path(programs+"/go-site"))
	out, err := exec.CommandContext(t.Context(), "go", "build", "-o", program, harness.Path(programs+"/go-site")).
		CombinedOutput()
	require.NoError(t, err, "%s", out)
	command := exec.Command(program)
	command.Env = s.register(t, "Go", self)
	harness.WaitFor(t, harness.Start(t, command), "127.0.0.1:"+port)
	return self
}

// startNodeSite starts a site that uses more of openid-client than the guide does. Its client is not first-party.
func startNodeSite(t *testing.T, s setup) string {
	t.Helper()
	port, self := freeSite(t)
	script := filepath.Join(nodeFolder(t), "site.mjs")
	harness.CopyFile(t, harness.Path(testdata+"/openid-client.mjs"), script)
	s.CreateClient("node", "--redirect-uri", self+"/callback", "--post-logout-redirect-uri", self+"/", "--par",
		"required", "--jwks-uri", self+"/jwks.json", "--grant", "urn:ietf:params:oauth:grant-type:token-exchange",
		"--scope", "api", "--audience", "https://api.example.com", "--audience", "https://stock.example.com")
	command := exec.Command("node", script, s.Issuer, "node", port)
	harness.WaitFor(t, harness.Start(t, command), "127.0.0.1:"+port)
	return self
}

// startPage serves the page of the guide, whose script has the issuer and the client id in it.
func startPage(t *testing.T, s setup) string { return servePage(t, s, "shop-page") }

// servePage serves the page of the guide as another client.
func servePage(t *testing.T, s setup, client string) string {
	t.Helper()
	modules := nodeFolder(t) + "/node_modules/oidc-client-ts/dist/browser/"
	folder := os.DirFS(harness.Path(programs + "/page"))
	harness.DependsOn(t, harness.Path(programs+"/page"))
	mux := http.NewServeMux()
	mux.Handle("/", http.FileServerFS(folder))
	mux.HandleFunc("/oidc-client-ts.min.js", func(w http.ResponseWriter, r *http.Request) {
		http.ServeFile(w, r, modules+"oidc-client-ts.min.js")
	})
	script := replace(t, harness.Document(t, programs+"/page/app.js"), "http://127.0.0.1:8080", s.Issuer,
		"shop-page", client)
	mux.HandleFunc("/app.js", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/javascript")
		_, _ = w.Write([]byte(script))
	})
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	self := strings.Replace(server.URL, "127.0.0.1", "localhost", 1)
	if client == "shop-page" {
		s.register(t, "A page without a backend", self)
	} else {
		s.CreateClient(client, "--public", "--first-party", "--redirect-uri", self+"/", "--post-logout-redirect-uri",
			self+"/", "--origin", self)
	}
	s.awaitOrigin(t, self)
	return self
}

// replace replaces strings in a text that must have them.
func replace(t *testing.T, text string, pairs ...string) string {
	t.Helper()
	for n := 0; n < len(pairs); n += 2 {
		require.Contains(t, text, pairs[n])
	}
	return strings.NewReplacer(pairs...).Replace(text)
}

// awaitOrigin waits until the server lets pages of an origin call it: it reads new clients within a second.
func (s setup) awaitOrigin(t *testing.T, origin string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodOptions, s.Issuer+"/token", nil)
	require.NoError(t, err)
	request.Header.Set("Origin", origin)
	request.Header.Set("Access-Control-Request-Method", http.MethodPost)
	require.Eventually(t, func() bool {
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			return false
		}
		defer response.Body.Close()
		return response.Header.Get("Access-Control-Allow-Origin") == origin
	}, time.Minute, 50*time.Millisecond)
}
