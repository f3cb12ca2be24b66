package doctor

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/storage/redis"
)

const (
	// slowRedis is a round trip that people notice, since every sign-in with a password makes several.
	slowRedis = 50 * time.Millisecond

	checkRedisURL = "check redis.url (LINGPAI_REDIS_URL): that the server runs, that this machine may " +
		"connect, and that the user and the password are right"
)

func (d *doctor) checkRedis(ctx context.Context) {
	if d.settings.RedisURL == "" {
		if d.settings.DatabaseFile() == "" && !d.faulty("database.url") {
			d.report.warning("redis.url is empty: if several processes share this PostgreSQL, each counts "+
				"password attempts separately",
				"set redis.url (LINGPAI_REDIS_URL) if there are several; with a single one, leave it empty")
			return
		}
		d.report.ok("none: a single process keeps attempt counts and other volatile state in memory; several " +
			"replicas need redis.url")
		return
	}
	d.report.warnUnprotected(d.settings.RedisURL,
		"use rediss:// in redis.url (LINGPAI_REDIS_URL), without skip_verify")
	store, err := within(ctx, func(context.Context) (server.Volatile, error) { return server.OpenVolatile(d.settings) })
	if err != nil {
		d.report.fault("cannot be opened: "+d.report.words(err), checkRedisURL)
		return
	}
	defer func() {
		_, _ = within(context.WithoutCancel(ctx), func(context.Context) (any, error) { return nil, store.Close() })
	}()
	askRedis(ctx, d.report, store)
}

func askRedis(ctx context.Context, report *report, store server.Volatile) {
	_, err := within(ctx, func(ctx context.Context) (any, error) { return nil, store.Ping(ctx) })
	if found, _ := redis.Explain(err); err != nil && found == "" {
		report.fault("does not answer: "+report.words(err), checkRedisURL)
		return
	}
	took, err := within(ctx, func(ctx context.Context) (time.Duration, error) { return roundTrip(ctx, store) })
	found, advice := redis.Explain(err)
	switch {
	case found != "":
		report.fault("answers, but refuses commands: "+found, advice)
	case err != nil:
		report.fault("answers, but does not store values: "+report.words(err),
			checkRedisURL)
	case took > slowRedis:
		report.warning(fmt.Sprintf("answers, but a command takes %s", took),
			"run Redis in the same region and network as lingpai")
	default:
		report.ok(fmt.Sprintf("stores and returns values; a command takes %s", took))
	}
}

// roundTrip counts, puts, gets and takes a random key, and returns how long one command took on average.
func roundTrip(ctx context.Context, store server.Volatile) (time.Duration, error) {
	key, value := "doctor:"+rand.Text(), []byte(rand.Text())
	began := time.Now()
	if err := store.Put(ctx, key, value, 2*AnswerTime); err != nil {
		return 0, fmt.Errorf("put: %w", err)
	}
	if err := store.CheckWritable(ctx); err != nil {
		return 0, fmt.Errorf("count: %w", err)
	}
	for _, read := range []func(context.Context, string) ([]byte, error){store.Get, store.Take} {
		if got, err := read(ctx, key); err != nil || !bytes.Equal(got, value) {
			return 0, fmt.Errorf("a stored value was not returned: %w", err)
		}
	}
	took := time.Since(began) / 4
	if _, err := store.Get(ctx, key); !errors.Is(err, identity.ErrNotFound) {
		return 0, errors.New("a deleted value is still there")
	}
	return took.Round(10 * time.Microsecond), nil
}
