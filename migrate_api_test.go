package lingpai

import (
	"bufio"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// migrateProcess is a program that stays up until the test ends.
type migrateProcess struct{ lines chan string }

func migrateStart(t *testing.T, cmd *exec.Cmd) migrateProcess {
	t.Helper()
	log, err := os.Create(filepath.Join(t.TempDir(), "stderr"))
	require.NoError(t, err)
	cmd.Stderr = log
	stdout, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	p := migrateProcess{make(chan string, 1000)}
	go func() {
		defer close(p.lines)
		for scanner := bufio.NewScanner(stdout); scanner.Scan(); {
			p.lines <- scanner.Text()
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		for range p.lines { // to its end, before Wait closes the pipe
		}
		_ = cmd.Wait()
		log.Close()
		if t.Failed() {
			t.Logf("%s", readDocument(t, log.Name()))
		}
	})
	return p
}

// line waits for the next line of standard output.
func (p migrateProcess) line(t *testing.T) string {
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

// old is what an old mini-program shows to an API.
type migrateOld struct{ header, scheme, good string }

// migrateAPI is an API of a page, which runs.
type migrateAPI struct {
	migrateProcess
	url string
	old migrateOld
}

func (m *migration) api(t *testing.T, shape, until string, old migrateOld, env ...string) migrateAPI {
	t.Helper()
	cmd := exec.Command(migrateTool(t, "node"), filepath.Join(m.examples, "migrate", shape, "dual-run.mjs"))
	cmd.Env = append(append(os.Environ(), "ISSUER="+m.Issuer, "AUDIENCE="+migrateAudience, "OLD_TOKENS_UNTIL="+until, "REPORT_SECONDS=1", "PORT=0"), env...)
	p := migrateStart(t, cmd)
	return migrateAPI{p, p.line(t), old}
}

// get asks the API with a header, and returns the status and who the API takes the caller for.
func (a migrateAPI) get(t *testing.T, path, header, value string) (int, string) {
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

func (a migrateAPI) withOld(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return a.get(t, path, a.old.header, a.old.scheme+token)
}

func (a migrateAPI) withNew(t *testing.T, path, token string) (int, string) {
	t.Helper()
	return a.get(t, path, "Authorization", "Bearer "+token)
}

// dualRun starts the API of a page and shows it both kinds of tokens, of one person, and tokens that are neither.
func (m *migration) dualRun(t *testing.T, shape, id, fresh string, old migrateOld, forged map[string]string, env ...string) {
	t.Helper()
	for _, until := range []string{"2020-01-31T00:00:00Z", "", "next spring"} { // over, or no date at all
		over := m.api(t, shape, until, old, env...)
		status, _ := over.withOld(t, "/me", old.good)
		require.Equal(t, http.StatusUnauthorized, status, "until %q", until)
		status, user := over.withNew(t, "/me", fresh)
		require.Equal(t, http.StatusOK, status)
		require.Equal(t, id, user)
	}
	a := m.api(t, shape, time.Now().Add(time.Hour).UTC().Format(time.RFC3339), old, env...)
	for path, reaches := range map[string]bool{"/me": true, "/points": false} {
		status, user := a.withNew(t, path, fresh)
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, id, user)
		if status, user = a.withOld(t, path, old.good); !reaches {
			require.Equal(t, http.StatusForbidden, status, "an old token where a new scope is needed")
			continue
		}
		require.Equal(t, http.StatusOK, status, path)
		require.Equal(t, id, user)
	}
	status, _ := a.get(t, "/me", "Authorization", "")
	require.Equal(t, http.StatusUnauthorized, status, "nothing")
	for name, token := range forged {
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
