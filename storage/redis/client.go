package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/lingpai/lingpai/identity"
)

// connect makes a client that gives up in time and repeats nothing. It keeps quiet: what goes wrong is told
// by the call that it happens to.
func connect(address *redis.UniversalOptions, timeout time.Duration) redis.UniversalClient {
	logging.Disable()
	address.DialTimeout, address.ReadTimeout, address.WriteTimeout, address.PoolTimeout = timeout, timeout, timeout,
		timeout
	address.DialerRetries, address.MaxRetries = 1, -1
	address.ContextTimeoutEnabled = true
	address.DisableIdentity = true // older servers refuse it, and what comes after
	address.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	address.PipelinePoolSize = -1
	if address.MasterName != "" || len(address.Addrs) == 1 {
		return redis.NewUniversalClient(address)
	}
	cluster := address.Cluster()
	cluster.DisableRoutingPolicies = true // to look them up takes as long as it takes, whatever the context says
	return redis.NewClusterClient(cluster)
}

// once is a command that go-redis sends no second time when its answer is lost, as it does on a Cluster
// unless told. It follows redirections.
type once struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (once) NoRetry() bool { return true }

// send does one command within the store's time.
func (s *Store) send(ctx context.Context, words ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	command := redis.NewCmd(ctx, words...)
	_ = s.client.Process(ctx, once{command}) // the command keeps the error
	return command
}

// told makes of go-redis's error one that may be logged: without a key, a value or a password. A server's
// words may repeat those of the command, so only the first, its code, is told. The end of the store's time is
// not told as that of the caller's context.
func told(ctx context.Context, err error) error {
	var refusal redis.Error
	var slow net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return identity.ErrNotFound
	case ended(ctx) != nil:
		return ended(ctx)
	case errors.As(err, &refusal):
		code, _, _ := strings.Cut(refusal.Error(), " ")
		return fmt.Errorf("redis refuses a command: %s", code)
	case errors.Is(err, context.Canceled), errors.As(err, &slow) && slow.Timeout():
		return errors.New("redis does not answer in time")
	}
	return fmt.Errorf("redis cannot be asked: %w", err)
}

// ended is why a context is over. The connection, which has the same deadline, may notice it before the context does.
func ended(ctx context.Context) error {
	if deadline, set := ctx.Deadline(); set && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
