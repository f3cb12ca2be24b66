package migrate_test

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/test/harness"
)

// process is a program that runs until the test ends.
type process struct{ lines chan string }

// start starts a program and reads its lines.
func start(t *testing.T, cmd *exec.Cmd) process {
	t.Helper()
	stdout, writer := io.Pipe()
	cmd.Stdout = writer
	p := process{make(chan string, 1000)}
	running := harness.Start(t, cmd)
	t.Cleanup(func() { // runs before the process is killed: reading ends with its output
		go func() {
			for range p.lines {
			}
		}()
	})
	go func() {
		<-running.Ended()
		writer.Close()
	}()
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	return p
}

// line waits for the next line of standard output.
func (p process) line(t *testing.T) string {
	t.Helper()
	select {
	case line, ok := <-p.lines:
		require.True(t, ok, "the process ended")
		return line
	case <-time.After(30 * time.Second):
		require.Fail(t, "the process prints nothing")
		return ""
	}
}

const overDate = "2020-01-31T00:00:00Z" // a date in the past

// oldToken is a token of an old mini-program, and how it is sent.
type oldToken struct{ header, scheme, good string }

// dualRunAPI is a running API of a page.
type dualRunAPI struct {
	process
	url string
	old oldToken
}

func (m *migration) command(t *testing.T, shape, until string, env ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(tool(t, "node"), filepath.Join(m.examples, "migrate", shape, "dual-run.mjs"))
	cmd.Env = append(append(os.Environ(), "ISSUER="+m.Issuer, "AUDIENCE="+harness.Audience, "OLD_TOKENS_UNTIL="+
		until, "REPORT_SECONDS=1", "PORT=0"), env...)
	return cmd
}

func (m *migration) api(t *testing.T, shape, until string, old oldToken, env ...string) dualRunAPI {
	t.Helper()
	p := start(t, m.command(t, shape, until, env...))
	return dualRunAPI{p, p.line(t), old}
}

// startsScript starts a program repeatedly with different variables, and writes the error of each start. The modules
// that the program imports are loaded only once, which saves most of the time.
const startsScript = `
const { program, starts } = JSON.parse(process.argv[1])
const ended = {}
for (const [name, { unset, set }] of Object.entries(starts)) {
  const before = { ...process.env }
  Object.assign(process.env, set)
  if (unset) delete process.env[unset]
  ended[name] = await import(program + '?' + encodeURIComponent(name)).then(() => 'it serves', String)
  Object.assign(process.env, before)
}
console.log(JSON.stringify(ended))
process.exit()`

// changedStart is a start of a program with a variable removed or changed, and the expected error.
type changedStart struct {
	Unset string            `json:"unset,omitempty"`
	Set   map[string]string `json:"set,omitempty"`
	says  string
}

// neverStarts checks that the API of a page ends with an error, and serves nothing, if a variable is missing or the
// date is invalid.
func (m *migration) neverStarts(t *testing.T, shape string, env []string) {
	t.Helper()
	soon := time.Now().Add(time.Hour).UTC().Format(time.RFC3339)
	cmd := m.command(t, shape, soon, env...)
	starts := map[string]changedStart{}
	for _, variable := range append([]string{"ISSUER=", "AUDIENCE=", "OLD_TOKENS_UNTIL="}, env...) {
		name, _, _ := strings.Cut(variable, "=")
		if name == "APP_ID" || name == "OLD_PREFIX" { // of the export; has a default
			continue
		}
		starts["without "+name] = changedStart{Unset: name, says: name}
	}
	for _, until := range []string{"", "never 9999", "until 2099", "1.3.2027", "2027-02-31", "2027-02-31T00:00:00Z",
		"+012027-03-01T00:00:00Z"} {
		starts["until "+until] = changedStart{Set: map[string]string{"OLD_TOKENS_UNTIL": until},
			says: "OLD_TOKENS_UNTIL"}
	}
	program := url.URL{Scheme: "file", Path: "/" + strings.TrimPrefix(filepath.ToSlash(cmd.Args[1]), "/")}
	wanted, err := json.Marshal(map[string]any{"program": program.String(), "starts": starts})
	require.NoError(t, err)
	out := m.node(t, "", cmd.Env, "--input-type=module", "--eval", startsScript, string(wanted))
	var ended map[string]string
	require.NoError(t, json.Unmarshal([]byte(out), &ended), "%s", out)
	require.Len(t, ended, len(starts))
	for name, start := range starts {
		require.True(t, strings.HasPrefix(ended[name], "Error: set "), "%s %s: %s", shape, name, ended[name])
		require.Contains(t, ended[name], start.says, "%s %s", shape, name)
	}
	endsWithError(t, cmd, "AUDIENCE")
}

// endsWithError runs a program without one of its variables, as an operator would.
func endsWithError(t *testing.T, cmd *exec.Cmd, without string) {
	t.Helper()
	cmd.Env = slices.DeleteFunc(cmd.Env, func(set string) bool { return strings.HasPrefix(set, without+"=") })
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	require.True(t, late.Stop(), "the process kept running: %s", stdout.String())
	require.Error(t, err)
	require.Empty(t, stdout.String(), "the process serves requests")
	require.Contains(t, stderr.String(), "Error: set ")
	require.Contains(t, stderr.String(), without)
}

// get sends a request with a header, and returns the status and the user that the API recognized.
func (a dualRunAPI) get(t *testing.T, path, header, value string) (int, string) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, a.url+path, http.NoBody)
	require.NoError(t, err)
	if value != "" {
		request.Header.Set(header, value)
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	var user struct{ ID string }
	if body, err := io.ReadAll(response.Body); err == nil && response.StatusCode == http.StatusOK {
		require.NoError(t, json.Unmarshal(body, &user))
	}
	if response.StatusCode == http.StatusUnauthorized {
		require.Contains(t, response.Header.Get("WWW-Authenticate"), "Bearer")
	}
	return response.StatusCode, user.ID
}

func (a dualRunAPI) withOld(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return a.get(t, path, a.old.header, a.old.scheme+token)
}

func (a dualRunAPI) withNew(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return a.get(t, path, "Authorization", "Bearer "+token)
}

// tokensShown are the tokens for an API of a page besides a valid old token.
type tokensShown struct {
	id     string            // of the user
	fresh  string            // a token of Lingpai for that user
	forged map[string]string // invalid tokens, by the reason
}

// dualRun starts the API of a page and sends it both kinds of tokens of the same user, and invalid tokens.
func (m *migration) dualRun(t *testing.T, shape string, who tokensShown, old oldToken, env ...string) {
	t.Helper()
	m.neverStarts(t, shape, env)
	over := m.api(t, shape, overDate, old, env...)
	status, _ := over.withOld(t, "/me", old.good)
	require.Equal(t, http.StatusUnauthorized, status, "after the end of the dual run")
	status, user := over.withNew(t, "/me", who.fresh)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, who.id, user)
	// If the API's name is a client's id, only the type of an ID token is wrong: Lingpai registers no such client,
	// but the API cannot know.
	named := m.api(t, shape, overDate, old, append(slices.Clone(env), "AUDIENCE="+m.MiniProgram.ClientID)...)
	status, _ = named.withNew(t, "/me", m.idToken(t, "migrate-"+shape))
	require.Equal(t, http.StatusUnauthorized, status, "an ID token")
	a := m.api(t, shape, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), old, env...)
	for path, reaches := range map[string]bool{"/me": true, "/points": false} {
		status, user = a.withNew(t, path, who.fresh)
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, who.id, user)
		if status, user = a.withOld(t, path, old.good); !reaches {
			require.Equal(t, http.StatusForbidden, status, "an old token where a new scope is needed")
			continue
		}
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, who.id, user)
	}
	status, _ = a.get(t, "/me", "Authorization", "")
	require.Equal(t, http.StatusUnauthorized, status, "nothing")
	for name, token := range who.forged {
		status, _ := a.withOld(t, "/me", token)
		require.Equal(t, http.StatusUnauthorized, status, name)
		status, _ = a.withNew(t, "/me", token)
		require.Equal(t, http.StatusUnauthorized, status, name+", sent as a new one")
	}
	counted := regexp.MustCompile(`^old (tokens|sessions) in 1 s: (\d+)$`)
	for range 60 { // seconds; the first lines may be older than the requests above
		line := a.line(t)
		require.Regexp(t, counted, line)
		if counted.FindStringSubmatch(line)[2] != "0" {
			return
		}
	}
	require.Fail(t, "nothing was counted")
}
