package provider

import (
	"bytes"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestAnAbortedAnswerEndsTheConnection: a handler that has written half an answer aborts it by panicking with
// http.ErrAbortHandler. Nothing may be added to what was written, and no error may be logged.
func TestAnAbortedAnswerEndsTheConnection(t *testing.T) {
	var log bytes.Buffer
	half := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("half"))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})
	logger := slog.New(slog.NewTextHandler(&log, nil))
	server := httptest.NewServer(newErrorWriter(logger).recovering(half))
	defer server.Close()
	answer, err := http.Get(server.URL)
	require.NoError(t, err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.Equal(t, "half", string(body))
	server.Close()
	require.Empty(t, log.String())
}

// TestAPanicIsAnsweredAsAnInternalError, and its message is only logged.
func TestAPanicIsAnsweredAsAnInternalError(t *testing.T) {
	var log bytes.Buffer
	broken := http.HandlerFunc(func(http.ResponseWriter, *http.Request) { panic("a secret") })
	w := httptest.NewRecorder()
	newErrorWriter(slog.New(slog.NewTextHandler(&log, nil))).recovering(broken).ServeHTTP(w,
		httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Contains(t, w.Body.String(), "server_error")
	require.NotContains(t, w.Body.String(), "a secret")
	require.Contains(t, log.String(), "a secret")
}

// TestAPanicAfterTheAnswerHasBegunEndsTheConnection: an error cannot be added to it, and what was written must not look
// like a whole answer.
func TestAPanicAfterTheAnswerHasBegunEndsTheConnection(t *testing.T) {
	for name, begin := range map[string]func(w http.ResponseWriter){
		"a status": func(w http.ResponseWriter) { w.WriteHeader(http.StatusOK) },
		"a body":   func(w http.ResponseWriter) { _, _ = w.Write([]byte("half")) },
		"a flush":  func(w http.ResponseWriter) { _ = http.NewResponseController(w).Flush() },
	} {
		var log bytes.Buffer
		broken := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			begin(w)
			panic("a secret")
		})
		server := httptest.NewServer(newErrorWriter(slog.New(slog.NewTextHandler(&log, nil))).recovering(broken))
		answer, err := http.Get(server.URL)
		var body []byte
		if err == nil { // the headers were sent already
			body, err = io.ReadAll(answer.Body)
			answer.Body.Close()
		}
		require.Error(t, err, name)
		require.NotContains(t, string(body), "server_error", name)
		server.Close()
		require.Contains(t, log.String(), "a secret", name)
	}
}

// TestChallengesContainQuotedStrings of RFC 9110 §5.6.4, whatever is in a description.
func TestChallengesContainQuotedStrings(t *testing.T) {
	for text, want := range map[string]string{
		`a "b" \c`: `"a \"b\" \\c"`, "tab\tline\r\nend\x00\x7f": `"tab?line??end??"`, "é 令牌 \xff": `"? ?? ?"`, "": `""`,
	} {
		header := http.Header{}
		challenge(header, &oauth.Error{Code: oauth.InvalidToken, Description: text, Scope: text})
		require.Equal(t, `Bearer realm="lingpai", error="invalid_token", error_description=`+want+scopeOf(text, want),
			header.Get("WWW-Authenticate"))
	}
}

func scopeOf(text, quoted string) string {
	if text == "" {
		return ""
	}
	return ", scope=" + quoted
}

// TestEveryErrorIsExplained: error_uri refers to an existing entry.
func TestEveryErrorIsExplained(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	require.NoError(t, err)
	for _, code := range oauth.Codes() {
		require.Contains(t, string(text), "\n## "+code.Error()+"\n")
	}
}
