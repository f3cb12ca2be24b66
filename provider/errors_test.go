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
		w.(http.Flusher).Flush()
		panic(http.ErrAbortHandler)
	})
	logger := slog.New(slog.NewTextHandler(&log, nil))
	server := httptest.NewServer(errorWriter{logger}.recovering(half))
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
	errorWriter{slog.New(slog.NewTextHandler(&log, nil))}.recovering(broken).ServeHTTP(w,
		httptest.NewRequest(http.MethodGet, "/", nil))
	require.Equal(t, http.StatusInternalServerError, w.Code)
	require.Contains(t, w.Body.String(), "server_error")
	require.NotContains(t, w.Body.String(), "a secret")
	require.Contains(t, log.String(), "a secret")
}

// TestEveryErrorIsExplained: error_uri refers to an existing entry.
func TestEveryErrorIsExplained(t *testing.T) {
	text, err := os.ReadFile("../docs/errors.md")
	require.NoError(t, err)
	for _, code := range oauth.Codes() {
		require.Contains(t, string(text), "\n## "+code.Error()+"\n")
	}
}
