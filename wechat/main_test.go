package wechat_test

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	appID    = "wx0123456789abcdef"
	otherApp = "wxfedcba9876543210"
	secret   = "simulator-secret-of-the-app"
)

func credentials() wechat.Credentials {
	return wechat.Credentials{AppID: appID, Secret: secret}
}

// simulate serves a simulator with both apps.
func simulate(t *testing.T, options ...wechattest.Options) *wechattest.Server {
	t.Helper()
	server := wechattest.Start(t, options...)
	server.App(wechattest.App{AppID: appID, Secret: secret})
	server.App(wechattest.App{AppID: otherApp, Secret: secret + "-two"})
	return server
}

func newClient(t *testing.T, config wechat.Config) *wechat.Client {
	t.Helper()
	client, err := wechat.NewClient(config)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// logIn exchanges a code. It requires that an error is an *Error.
func logIn(t *testing.T, client *wechat.Client, code string) (wechat.Login, *wechat.Error) {
	t.Helper()
	login, err := client.CodeToSession(context.Background(), credentials(), code)
	if err == nil {
		return login, nil
	}
	failed, ok := errors.AsType[*wechat.Error](err)
	require.True(t, ok, "%T is not a *wechat.Error", err)
	require.Empty(t, login)
	return login, failed
}

func requireUnavailable(t *testing.T, failed *wechat.Error) {
	t.Helper()
	require.NotNil(t, failed)
	require.ErrorIs(t, failed, wechat.ErrUnavailable)
	require.NotErrorIs(t, failed, wechat.ErrBadCode)
}

// log collects log lines.
type log struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (l *log) Write(line []byte) (int, error) {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.Write(line)
}

func (l *log) String() string {
	l.mutex.Lock()
	defer l.mutex.Unlock()
	return l.text.String()
}

func (l *log) logger(level slog.Level) *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: level}))
}

const shortTimeout = 500 * time.Millisecond
