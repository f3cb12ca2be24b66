package wechat_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

const (
	tokenPath   = "/cgi-bin/stable_token"
	sessionPath = "/wxa/checksession"
)

// appTokenEnv is a simulator, and the store and clock that several replicas share.
type appTokenEnv struct {
	*wechattest.Server
	t     *testing.T
	store *store
	clock *clock
}

func newAppTokenEnv(t *testing.T) *appTokenEnv {
	t.Helper()
	clock := &clock{}
	return &appTokenEnv{simulate(t, wechattest.Options{Now: clock.Now}), t, &store{values: map[string][]byte{},
		clock: clock}, clock}
}

// replica returns the AppTokens of another replica.
func (w *appTokenEnv) replica(changes ...func(*wechat.Config)) *wechat.AppTokens {
	w.t.Helper()
	config := wechat.Config{BaseURL: w.URL}
	for _, change := range changes {
		change(&config)
	}
	return wechat.NewAppTokens(wechat.AppTokensConfig{Client: newClient(w.t, config), Store: w.store,
		Sealer: sealer{}, Now: w.clock.Now})
}

// fetches returns how often a token was requested from WeChat.
func (w *appTokenEnv) fetches() int { return w.Requests().Paths[tokenPath] }

// sessionKey logs in a user and returns the session key.
func (w *appTokenEnv) sessionKey(user string) wechat.SessionKey {
	w.t.Helper()
	response, err := http.Get(w.URL + "/sns/jscode2session?grant_type=authorization_code&appid=" + appID +
		"&secret=" + secret + "&js_code=" + w.Code(appID, user))
	require.NoError(w.t, err)
	key, err := wechat.ParseSessionKey(readMember(w.t, response, "session_key"))
	require.NoError(w.t, err)
	return key
}

// force replaces the app's token, as another holder of the AppSecret could.
func (w *appTokenEnv) force() string {
	w.t.Helper()
	body, err := json.Marshal(map[string]any{"grant_type": "client_credential", "appid": appID, "secret": secret,
		"force_refresh": true})
	require.NoError(w.t, err)
	response, err := http.Post(w.URL+tokenPath, "application/json", bytes.NewReader(body))
	require.NoError(w.t, err)
	return readMember(w.t, response, "access_token")
}

func readMember(t *testing.T, response *http.Response, name string) string {
	t.Helper()
	defer func() { _ = response.Body.Close() }()
	var members map[string]any
	require.NoError(t, json.NewDecoder(response.Body).Decode(&members))
	text, _ := members[name].(string)
	return text
}

func tokenOf(t *testing.T, tokens *wechat.AppTokens) string {
	t.Helper()
	token, err := tokens.Token(context.Background(), credentials())
	require.NoError(t, err)
	return token.Text.Reveal()
}

func requireClass(t *testing.T, err, class error) *wechat.Error {
	t.Helper()
	failed, ok := errors.AsType[*wechat.Error](err)
	require.True(t, ok, "%T is not a *wechat.Error", err)
	require.Equal(t, class, failed.Class)
	return failed
}

// clock is a clock that tests move.
type clock struct {
	mutex sync.Mutex
	ahead time.Duration
}

func (c *clock) Now() time.Time {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return time.Now().Add(c.ahead)
}

func (c *clock) Move(by time.Duration) {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	c.ahead += by
}

var errNothing = errors.New("no such key")

// store is shared by replicas. It remembers all values that were ever stored.
type store struct {
	mutex   sync.Mutex
	values  map[string][]byte
	written bytes.Buffer
	broken  bool
	hangs   bool
	clock   *clock
}

func (s *store) enter(ctx context.Context) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.hangs {
		<-ctx.Done()
	}
	if s.broken || s.hangs {
		return errors.New("unreachable")
	}
	return ctx.Err()
}

func (s *store) Put(ctx context.Context, key string, value []byte, _ time.Duration) error {
	if err := s.enter(ctx); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.written.WriteString(key)
	s.written.Write(value)
	s.values[key] = value
	return nil
}

func (s *store) Get(ctx context.Context, key string) ([]byte, error) {
	if err := s.enter(ctx); err != nil {
		return nil, err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	value, found := s.values[key]
	if !found {
		return nil, errNothing
	}
	return value, nil
}

func (s *store) Take(ctx context.Context, key string) ([]byte, error) {
	value, err := s.Get(ctx, key)
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.values, key)
	return value, err
}

func (s *store) PutIfAbsent(ctx context.Context, key string, value []byte, ttl time.Duration) (bool, error) {
	if err := s.enter(ctx); err != nil {
		return false, err
	}
	s.mutex.Lock()
	_, found := s.values[key]
	if !found {
		s.values[key] = nil
	}
	s.mutex.Unlock()
	if found {
		return false, nil
	}
	return true, s.Put(ctx, key, value, ttl)
}

func (s *store) change(change func()) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	change()
}

// sealer inverts every byte, and checks purpose and place when it opens a value.
type sealer struct{}

func (sealer) Seal(purpose, place string, plaintext []byte) ([]byte, error) {
	digest := sha256.Sum256(fmt.Append(nil, purpose, place))
	sealed := append([]byte{}, digest[:]...)
	for _, char := range plaintext {
		sealed = append(sealed, ^char)
	}
	return sealed, nil
}

func (sealer) Open(purpose, place string, sealed []byte) ([]byte, error) {
	digest := sha256.Sum256(fmt.Append(nil, purpose, place))
	if !bytes.HasPrefix(sealed, digest[:]) {
		return nil, io.ErrUnexpectedEOF
	}
	var plain []byte
	for _, char := range sealed[len(digest):] {
		plain = append(plain, ^char)
	}
	return plain, nil
}
