package redis

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"

	"github.com/lingpai/lingpai/identity"
)

// connect returns a client that respects the timeout and does not retry. It does not log; calls return their errors.
func connect(address *redis.UniversalOptions, timeout time.Duration) redis.UniversalClient {
	logging.Disable()
	address.DialTimeout, address.ReadTimeout, address.WriteTimeout, address.PoolTimeout = timeout, timeout, timeout,
		timeout
	address.DialerRetries, address.MaxRetries = 1, -1
	address.ContextTimeoutEnabled = true
	address.DisableIdentity = true // older servers reject these commands
	address.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	address.PipelinePoolSize = -1
	if address.MasterName != "" || len(address.Addrs) == 1 {
		return redis.NewUniversalClient(address)
	}
	cluster := address.Cluster()
	cluster.DisableRoutingPolicies = true // looking up the policies ignores the context
	return redis.NewClusterClient(cluster)
}

// noRetry is a command that go-redis does not send again if its response is lost, as it would on a Cluster. It does
// follow redirections.
type noRetry struct{ *redis.Cmd }

// NoRetry implements redis.Cmder.
func (noRetry) NoRetry() bool { return true }

// send sends one command, within the store's timeout.
func (s *Store) send(ctx context.Context, words ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	command := redis.NewCmd(ctx, words...)
	_ = s.client.Process(ctx, noRetry{command}) // the command contains the error
	return command
}

// sendAll sends commands together, within the store's timeout. Their keys may be on several nodes of a Cluster.
func (s *Store) sendAll(ctx context.Context, commands []*redis.Cmd) {
	ctx, cancel := context.WithTimeout(ctx, s.timeout)
	defer cancel()
	pipeline := s.client.Pipeline()
	for _, command := range commands {
		_ = pipeline.Process(ctx, noRetry{command})
	}
	_, _ = pipeline.Exec(ctx) // the commands contain the errors
}

// loggable converts an error of go-redis to one that contains no key, value or password. A timeout of the store is not
// reported as the end of the caller's context.
func loggable(ctx context.Context, err error) error {
	var failure redis.Error
	var slow net.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, redis.Nil):
		return identity.ErrNotFound
	case ended(ctx) != nil:
		return ended(ctx)
	case errors.As(err, &failure):
		return refused(failure)
	case errors.Is(err, context.Canceled), errors.As(err, &slow) && slow.Timeout():
		return errors.New("redis did not respond in time")
	}
	return fmt.Errorf("cannot reach redis: %w", err)
}

// ended returns why a context is over, or nil. A connection has the same deadline and may time out before the context
// does.
func ended(ctx context.Context) error {
	if deadline, set := ctx.Deadline(); set && !time.Now().Before(deadline) {
		return context.DeadlineExceeded
	}
	return ctx.Err()
}
