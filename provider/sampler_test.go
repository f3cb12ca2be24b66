package provider

import (
	"bytes"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
)

func TestSamplerLetsOneOfManyThrough(t *testing.T) {
	t.Parallel()
	var s sampler
	start := time.Unix(0, 0)
	omitted, through := s.next("a", start)
	require.True(t, through)
	require.Zero(t, omitted)
	for range 3 {
		_, through = s.next("a", start.Add(samplePeriod-1))
		require.False(t, through)
	}
	_, through = s.next("b", start)
	require.True(t, through, "another reason")
	omitted, through = s.next("a", start.Add(samplePeriod))
	require.True(t, through)
	require.Equal(t, 3, omitted)
	for n := range 10 * maxReasons {
		s.next(strconv.Itoa(n), start)
	}
	require.LessOrEqual(t, len(s.seen), maxReasons)
}

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
