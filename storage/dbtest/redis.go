package dbtest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/redis/go-redis/v9/logging"
	"github.com/redis/go-redis/v9/maintnotifications"
	"github.com/stretchr/testify/require"
)

const redisVariable = "LINGPAI_TEST_REDIS"

// Redis returns the URL of a server and a key prefix for a test. The keys are deleted after the test.
func Redis(t testing.TB) (url, keyPrefix string) {
	t.Helper()
	url = redisServer()
	if url == "" {
		unavailable(t, "Redis", redisVariable)
	}
	keyPrefix = fmt.Sprintf("lingpai-test-%016x:", rand.Uint64())
	t.Cleanup(func() { deleteKeys(t, url, keyPrefix) })
	return url, keyPrefix
}

// redisServer returns the URL of a server. It is found or started once for all tests of the process.
var redisServer = sync.OnceValue(func() string {
	if named := os.Getenv(redisVariable); named != "" {
		return named
	}
	if standard := "redis://127.0.0.1:6379"; ci() && redisAnswers(standard) {
		return standard
	}
	server, err := startRedis()
	if err != nil {
		return ""
	}
	afterTests(server.remove)
	return server.URL()
})

func redisAnswers(url string) bool {
	client, err := dialRedis(url)
	if err != nil {
		return false
	}
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	return client.Ping(ctx).Err() == nil
}

// dialRedis returns a client that does not log and does not retry.
func dialRedis(url string) (*redis.Client, error) {
	logging.Disable()
	options, err := redis.ParseURL(url)
	if err != nil {
		return nil, err
	}
	options.DialerRetries, options.MaxRetries, options.ContextTimeoutEnabled = 1, -1, true
	options.MaintNotificationsConfig = &maintnotifications.Config{Mode: maintnotifications.ModeDisabled}
	return redis.NewClient(options), nil
}

// deleteKeys scans for the keys of one test, which is slow on a large server but blocks nobody.
func deleteKeys(t testing.TB, url, keyPrefix string) {
	client, err := dialRedis(url)
	require.NoError(t, err, "%s must be the URL of one Redis", redisVariable)
	defer client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	found := client.Scan(ctx, 0, keyPrefix+"*", 1000).Iterator()
	for found.Next(ctx) {
		require.NoError(t, client.Unlink(ctx, found.Val()).Err())
	}
	require.NoError(t, found.Err())
}

// RedisServer is a temporary server, which a test can also kill, restart and pause.
type RedisServer struct {
	folder, port string
	arguments    []string
	process      *os.Process
	ended        chan struct{}
}

// RestartableRedis starts a server for the test alone, with additional arguments for redis-server.
func RestartableRedis(t testing.TB, arguments ...string) *RedisServer {
	t.Helper()
	server, err := startRedis(arguments...)
	if err != nil {
		if !errors.Is(err, exec.ErrNotFound) {
			t.Log(err)
		}
		unavailable(t, "installed Redis server (redis-server)", "PATH")
	}
	t.Cleanup(server.remove)
	return server
}

// startRedis starts a new server on loopback from the installed binary. The caller removes it.
func startRedis(arguments ...string) (*RedisServer, error) {
	folder, err := os.MkdirTemp("", "lingpai-redis-")
	if err != nil {
		return nil, err
	}
	s := &RedisServer{folder: folder}
	if s.port, err = portOfNode(); err == nil {
		s.arguments = slices.Concat(arguments, []string{"--port", s.port, "--bind", "127.0.0.1", "--dir", folder,
			"--save", "", "--appendonly", "no"})
		err = s.Start()
	}
	if err != nil {
		s.remove()
		return nil, err
	}
	return s, nil
}

// portOfNode returns a free port that a node of a Cluster can use: the other nodes connect to the port that is 10000
// higher.
func portOfNode() (string, error) {
	for {
		port, err := freePort()
		if number, _ := strconv.Atoi(port); err != nil || number <= math.MaxUint16-10_000 {
			return port, err
		}
	}
}

// URL returns the URL of the server.
func (s *RedisServer) URL() string { return "redis://" + s.Address() }

// Address returns the server's host and port.
func (s *RedisServer) Address() string { return "127.0.0.1:" + s.port }

// Start starts the server, without any earlier data, and waits until it responds.
func (s *RedisServer) Start() error {
	command := exec.Command("redis-server", s.arguments...)
	if err := command.Start(); err != nil {
		return err
	}
	s.process, s.ended = command.Process, make(chan struct{})
	go func() {
		_ = command.Wait()
		close(s.ended)
	}()
	for range 1000 {
		if redisAnswers(s.URL()) {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("redis-server ended: %s", command.ProcessState)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return fmt.Errorf("redis-server does not answer on port %s", s.port)
}

// Kill kills the server.
func (s *RedisServer) Kill() {
	if s.process == nil {
		return
	}
	_ = s.process.Kill()
	<-s.ended
}

// Pause suspends the server: connections are accepted and kept, but nothing is answered.
func (s *RedisServer) Pause() error { return s.signal("STOP") }

// Resume resumes a paused server.
func (s *RedisServer) Resume() error { return s.signal("CONT") }

// signal uses a shell, since not every platform on which this compiles has these signals.
func (s *RedisServer) signal(name string) error {
	return exec.Command("sh", "-c", fmt.Sprintf("kill -%s %d", name, s.process.Pid)).Run()
}

func (s *RedisServer) remove() {
	s.Kill()
	_ = os.RemoveAll(s.folder)
}
