package provider

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

// TestManyAnswers503AreOneLine: an outage does not fill the log. Other errors are logged each.
func TestManyAnswers503AreOneLine(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	errs := newErrorWriter(slog.New(slog.NewTextHandler(&log, nil)))
	long := "/" + strings.Repeat("é", 8000)
	for _, err := range []error{oauth.StoreFailed(errors.New("no route")), oauth.StoreFailed(errors.New("refused")),
		errBusy, badRequest("x"), badRequest("x"), errors.New("broken"), errors.New("broken")} {
		for range 3 {
			r := httptest.NewRequest(http.MethodPost, long, nil)
			errs.writeError(httptest.NewRecorder(), r, err)
		}
	}
	require.Equal(t, 2, strings.Count(log.String(), "status=503"), log.String())
	require.Equal(t, 6, strings.Count(log.String(), "status=400"))
	require.Equal(t, 6, strings.Count(log.String(), "status=500"))
	for line := range strings.Lines(log.String()) {
		require.Less(t, len(line), 1000)
	}
	require.NotContains(t, log.String(), "\ufffd")
}
