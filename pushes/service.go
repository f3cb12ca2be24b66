package pushes

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/wechat"
)

// Config holds the dependencies of a Service. All are required.
type Config struct {
	Pushes      identity.Pushes
	Notices     identity.WithdrawalNotices
	Withdrawals identity.Withdrawals
	Vault       *wechat.Vault
	Limiter     *limits.Limiter
	Grace       time.Duration // between the closing of a user's last account and the user's deletion
	Now         func() time.Time
	Logger      *slog.Logger
}

// Query is the query of a request of WeChat.
type Query = wechat.PushQuery

// Service receives pushes. It is safe for concurrent use.
type Service struct {
	config Config
	wake   chan struct{}

	mutex    sync.Mutex
	arrivals map[string]bool // apps that have pushed something; that is to be stored
}

// New returns a Service.
func New(config Config) *Service {
	return &Service{config: config, wake: make(chan struct{}, 1), arrivals: map[string]bool{}}
}

// ErrRefused answers everything that WeChat did not send for an app of this server. It does not tell why.
var ErrRefused = oauth.NewError(oauth.AccessDenied, "This is not a message push for an app of this server.")

// timeout bounds the work of a push: WeChat waits for 5 seconds in all, and then repeats it. It also bounds the work of
// applying one.
const timeout = 2 * time.Second

// Verify answers WeChat's verification of an app's URL with what it must repeat. It returns ErrRefused, or an
// oauth.TemporarilyUnavailable error if the store fails.
func (s *Service) Verify(ctx context.Context, appID string, query Query) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	push, err := s.find(ctx, appID)
	if err != nil {
		return "", err
	}
	switch {
	case keysOf(push.Keys).Verifies(query):
		if err := s.config.Pushes.Verified(ctx, push.Platform, appID); err != nil {
			return "", oauth.StoreFailed(err)
		}
	case !keysOf(push.FormerKeys).Verifies(query):
		return "", s.refuse(ctx, appID)
	}
	return query.Echo, nil
}

// Receive takes a push for an app. It returns nil if WeChat need not repeat it: it is stored for ApplyDue, was applied
// before, or is nothing that concerns this server. It returns ErrRefused, or an oauth.TemporarilyUnavailable error if
// the store fails.
func (s *Service) Receive(ctx context.Context, appID string, query Query, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	push, err := s.find(ctx, appID)
	if err != nil {
		return err
	}
	message, err := wechat.OpenPush(appID, []wechat.PushKeys{keysOf(push.Keys), keysOf(push.FormerKeys)},
		push.Mode == identity.PushPlain, query, body)
	if err != nil {
		return s.refuse(ctx, appID)
	}
	if strings.EqualFold(message.MsgType, "event") {
		if err := s.store(ctx, appID, message); err != nil {
			return err
		}
	}
	if since := s.config.Now().Sub(push.ReceivedAt); since.Abs() >= receivedInterval {
		s.mutex.Lock()
		s.arrivals[appID] = true
		s.mutex.Unlock()
		s.wakeUp()
	}
	return nil
}

// receivedInterval is how precisely Push.ReceivedAt is kept.
const receivedInterval = time.Minute

// storeArrivals stores which apps have pushed something. WeChat does not wait for it, since only the doctor reads it.
func (s *Service) storeArrivals(ctx context.Context) {
	s.mutex.Lock()
	arrivals := s.arrivals
	s.arrivals = map[string]bool{}
	s.mutex.Unlock()
	for appID := range arrivals {
		if err := s.config.Pushes.Received(ctx, identity.PlatformWechat, appID); err != nil {
			s.config.Logger.WarnContext(ctx, "cannot store when a push was received", "app", appID, "error", err)
		}
	}
}

func (s *Service) find(ctx context.Context, appID string) (identity.Push, error) {
	push, err := s.config.Pushes.Find(ctx, identity.PlatformWechat, appID)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return push, ErrRefused
	case err != nil:
		return push, oauth.StoreFailed(err)
	}
	return push, nil
}

// refuse records that something was refused for an app that has pushes: its Token may be another one at WeChat.
func (s *Service) refuse(ctx context.Context, appID string) error {
	s.config.Limiter.Record(ctx, appID, identity.Event{Kind: identity.EventPushRefused,
		Detail: identity.PlatformWechat + " " + appID})
	return ErrRefused
}

func keysOf(keys identity.PushKeys) wechat.PushKeys {
	return wechat.PushKeys{Token: wechat.Secret(keys.Token.Reveal()),
		EncodingAESKey: wechat.Secret(keys.EncodingAESKey.Reveal())}
}
