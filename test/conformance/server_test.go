package conformance_test

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"github.com/lestrrat-go/jwx/v2/jwk"
	"github.com/stretchr/testify/require"
	"golang.org/x/crypto/bcrypt"

	"github.com/lingpai/lingpai/internal/e2e"
	"github.com/lingpai/lingpai/test/harness"
)

const (
	users    = 100 // one for each run of a module, so that no limit for one user is reached
	password = "green tea with lemon"
)

// system is the running program behind TLS, with a relying party.
type system struct {
	issuer   string
	metadata map[string]any
	keys     jwk.Set
	http     *http.Client // trusts the certificates of the program and of the relying party
	party    string       // the URL of the relying party
	notices  chan *http.Request

	client, second client
	notified       client // receives logout tokens
}

// client is a registered client.
type client struct{ id, secret string }

// start starts "lingpai serve", which holds no certificate itself: a reverse proxy does, as in production.
func start(t *testing.T) *system {
	t.Helper()
	if runtime.GOOS != "linux" {
		harness.Skip(t, "only on Linux does a program take the certificate of the relying party from SSL_CERT_FILE")
	}
	folder, address := t.TempDir(), "127.0.0.1:"+harness.FreePort(t)
	proxy := httptest.NewTLSServer(&httputil.ReverseProxy{Rewrite: func(r *httputil.ProxyRequest) {
		r.SetURL(&url.URL{Scheme: "http", Host: address})
		r.SetXForwarded()
	}})
	t.Cleanup(proxy.Close)
	s := &system{issuer: proxy.URL, http: proxy.Client(), notices: make(chan *http.Request, 1)}
	party := httptest.NewTLSServer(http.HandlerFunc(s.receiveNotice))
	t.Cleanup(party.Close)
	s.party = party.URL
	certificate := filepath.Join(folder, "certificate.pem") // httptest uses one for all servers
	require.NoError(t, os.WriteFile(certificate,
		pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: proxy.Certificate().Raw}), 0o600))

	p := program{t: t, path: harness.Program(t), env: e2e.Environment("SSL_CERT_FILE="+certificate,
		"LINGPAI_SERVER_ISSUER="+s.issuer, "LINGPAI_SERVER_ADDR="+address, "LINGPAI_SERVER_TRUSTED_PROXIES=127.0.0.1",
		"LINGPAI_TOKEN_ACR=pwd=urn:example:password,wechat=urn:example:wechat",
		"LINGPAI_SERVER_SHUTDOWN_DELAY=0s", "LINGPAI_DATABASE_URL=sqlite:"+filepath.Join(folder, "lingpai.db"))}
	p.env = append(p.env, "LINGPAI_MASTER_KEY="+string(bytes.TrimSpace(p.run(nil, "keys", "new-master-key"))))
	p.run(nil, "migrate", "up")
	p.importUsers()
	s.client = p.register(s, "site", "--first-party")
	s.second = p.register(s, "other-site")
	s.notified = p.register(s, "notified-site", "--first-party", "--backchannel-logout-uri", s.party+"/logout")
	command := exec.Command(p.path, "serve")
	command.Env = p.env
	harness.Start(t, command)
	require.Eventually(t, func() bool { return s.status("/readyz") == http.StatusOK }, time.Minute, 50*time.Millisecond)
	s.metadata = s.document(t, s.issuer+"/.well-known/openid-configuration")
	keys, err := json.Marshal(s.document(t, s.endpoint("jwks_uri")))
	require.NoError(t, err)
	s.keys, err = jwk.Parse(keys)
	require.NoError(t, err)
	return s
}

// program runs the commands of the operator.
type program struct {
	t    *testing.T
	path string
	env  []string
}

func (p program) run(input io.Reader, args ...string) []byte {
	p.t.Helper()
	command := exec.CommandContext(p.t.Context(), p.path, args...)
	command.Env, command.Stdin = p.env, input
	out, err := command.Output()
	require.NoError(p.t, err, "%s %s", args, out)
	return out
}

// importUsers imports users that have everything that scopes ask for.
func (p program) importUsers() {
	p.t.Helper()
	hash, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	require.NoError(p.t, err)
	var rows bytes.Buffer
	for n := range users {
		require.NoError(p.t, json.NewEncoder(&rows).Encode(map[string]string{
			"username": fmt.Sprintf("user-%d", n), "password_hash": string(hash), "name": "Linda Li",
			"nickname": "Lili", "picture": "https://example.com/linda.png", "gender": "female", "locale": "zh-CN",
			"email": "linda@example.com", "phone": "+8613800138000", "address": "1 Long Street, Springfield"}))
	}
	p.run(&rows, "users", "import", "-", "--format", "jsonl")
}

// register registers a client as the suite needs it.
func (p program) register(s *system, id string, flags ...string) client {
	p.t.Helper()
	args := []string{"clients", "create", id, "--output", "json", "--pkce", "optional", "--grant", "authorization_code",
		"--grant", "refresh_token", "--redirect-uri", s.callback(), "--post-logout-redirect-uri", s.signedOut()}
	for _, scope := range []string{"openid", "profile", "email", "address", "phone", "offline_access"} {
		args = append(args, "--scope", scope)
	}
	var created struct {
		Secret string `json:"client_secret"`
	}
	require.NoError(p.t, json.Unmarshal(p.run(nil, append(args, flags...)...), &created))
	return client{id, created.Secret}
}

func (s *system) callback() string  { return s.party + "/callback" }
func (s *system) signedOut() string { return s.party + "/signed-out" }

// receiveNotice receives a logout token at the relying party.
func (s *system) receiveNotice(_ http.ResponseWriter, r *http.Request) {
	_ = r.ParseForm() // a form that is not one has no logout token
	s.notices <- r
}

func (s *system) status(path string) int {
	response, err := s.http.Get(s.issuer + path)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	return response.StatusCode
}

// document fetches a JSON document.
func (s *system) document(t *testing.T, url string) (document map[string]any) {
	t.Helper()
	response, err := s.http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()
	require.Equal(t, http.StatusOK, response.StatusCode)
	require.Regexp(t, "^application/json", response.Header.Get("Content-Type"))
	require.NoError(t, json.NewDecoder(response.Body).Decode(&document))
	return document
}

// endpoint returns a URL of the metadata.
func (s *system) endpoint(name string) string {
	url, _ := s.metadata[name].(string)
	return url
}

// lists reports whether a list of the metadata has a value.
func (s *system) lists(name, value string) bool {
	list, _ := s.metadata[name].([]any)
	for _, item := range list {
		if item == value {
			return true
		}
	}
	return false
}
