package server_test

import (
	"context"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// serving starts a server that goes on for a delay after stop. ended receives what Serve returns.
func serving(t *testing.T, delay time.Duration) (listener net.Listener, stop func(), ended chan error) {
	t.Helper()
	c := configured(t)
	c.Settings.ShutdownDelay = delay
	s := started(t, c)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	ended = make(chan error, 1)
	go func() { ended <- s.Serve(ctx, s.Handler(), listener) }()
	return listener, stop, ended
}

// TestAServerThatStopsIsNotReadyAndGoesOn, so that load balancers send requests elsewhere before it refuses any.
func TestAServerThatStopsIsNotReadyAndGoesOn(t *testing.T) {
	listener, stop, ended := serving(t, time.Hour)
	client := http.Client{Transport: &http.Transport{}}
	ask := func(path string) *http.Response {
		response, err := client.Get("http://" + listener.Addr().String() + path)
		require.NoError(t, err)
		response.Body.Close()
		return response
	}
	require.Equal(t, http.StatusOK, ask("/readyz").StatusCode)
	require.False(t, ask("/.well-known/jwks.json").Close)
	stop()
	require.Eventually(t, func() bool { return ask("/readyz").StatusCode == http.StatusServiceUnavailable },
		time.Minute, time.Millisecond)
	for range 3 {
		answer := ask("/.well-known/jwks.json")
		require.Equal(t, http.StatusOK, answer.StatusCode)
		require.True(t, answer.Close, "the next request goes to another server")
	}
	require.Equal(t, http.StatusOK, ask("/healthz").StatusCode, "nobody should kill it")
	listener.Close()
	require.ErrorIs(t, <-ended, net.ErrClosed)
}

func TestWithoutADelayAServerStopsAtOnce(t *testing.T) {
	_, stop, ended := serving(t, 0)
	stop()
	require.NoError(t, <-ended)
}
