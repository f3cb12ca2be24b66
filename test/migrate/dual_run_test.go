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

// process is a program that stays up until the test ends.
type process struct{ lines chan string }

// start starts a program and reads its lines.
func start(t *testing.T, cmd *exec.Cmd) process {
	t.Helper()
	stdout, writer := io.Pipe()
	cmd.Stdout = writer
	p := process{make(chan string, 1000)}
	running := harness.Start(t, cmd)
	t.Cleanup(func() { // before it is killed, since it ends when all that it wrote was read
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
		require.True(t, ok, "it ended")
		return line
	case <-time.After(30 * time.Second):
		require.Fail(t, "it says nothing")
		return ""
	}
}

const overDate = "2020-01-31T00:00:00Z" // an end that has come

// old is what an old mini-program shows to an API.
type oldToken struct{ header, scheme, good string }

// dualRunAPI is an API of a page, which runs.
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

// startsScript starts a program again and again, each time with other variables, and writes the error that each start
// ended with. The modules that the program imports are loaded once, which is most of the time that a start takes.
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

// changedStart is a start of a program with a variable less, or others than before, and what its error says.
type changedStart struct {
	Unset string            `json:"unset,omitempty"`
	Set   map[string]string `json:"set,omitempty"`
	says  string
}

// neverStarts checks that the API of a page ends with an error, and serves nothing, if a variable is missing or
// the date is none.
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

// endsWithError runs a program without one of its variables, as operators would see it.
func endsWithError(t *testing.T, cmd *exec.Cmd, without string) {
	t.Helper()
	cmd.Env = slices.DeleteFunc(cmd.Env, func(set string) bool { return strings.HasPrefix(set, without+"=") })
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	require.NoError(t, cmd.Start())
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	err := cmd.Wait()
	require.True(t, late.Stop(), "it went on: %s", stdout.String())
	require.Error(t, err)
	require.Empty(t, stdout.String(), "it serves")
	require.Contains(t, stderr.String(), "Error: set ")
	require.Contains(t, stderr.String(), without)
}

// get asks the API with a header, and returns the status and who the API takes the caller for.
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

// tokensShown is what an API of a page is shown beside a good old token.
type tokensShown struct {
	id     string            // of the user
	fresh  string            // a token of Lingpai's for that user
	forged map[string]string // what is neither an old token nor a new one, by what is wrong with it
}

// dualRun starts the API of a page and shows it both kinds of tokens, of one person, and tokens that are neither.
func (m *migration) dualRun(t *testing.T, shape string, who tokensShown, old oldToken, env ...string) {
	t.Helper()
	m.neverStarts(t, shape, env)
	over := m.api(t, shape, overDate, old, env...)
	status, _ := over.withOld(t, "/me", old.good)
	require.Equal(t, http.StatusUnauthorized, status, "it is over")
	status, user := over.withNew(t, "/me", who.fresh)
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, who.id, user)
	// An ID token is right in all but its type where the API's name is the client's: Lingpai registers no
	// such client, but the API cannot know.
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
		require.Equal(t, http.StatusUnauthorized, status, name+", shown as a new one")
	}
	counted := regexp.MustCompile(`^old (tokens|sessions) in 1 s: (\d+)$`)
	for range 60 { // seconds; the first lines may be older than what is shown above
		line := a.line(t)
		require.Regexp(t, counted, line)
		if counted.FindStringSubmatch(line)[2] != "0" {
			return
		}
	}
	require.Fail(t, "nothing was counted")
}
