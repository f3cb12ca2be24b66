package server_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	goredis "github.com/redis/go-redis/v9"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/provider"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestMain(m *testing.M) { dbtest.Run(m) }

// watched is a server whose readiness and metrics are watched.
type watched struct {
	t      *testing.T
	server *server.Server
	log    *syncBuffer
}

// syncBuffer is a log that is read while it is written.
type syncBuffer struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (b *syncBuffer) Write(p []byte) (int, error) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.Write(p)
}

func (b *syncBuffer) String() string {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	return b.text.String()
}

func watch(t *testing.T, databaseURL string, change func(*settings.Settings)) *watched {
	t.Helper()
	s := settings.Defaults()
	master, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	s.Issuer, s.MasterKey, s.DatabaseURL = "https://login.example.com", identity.Secret(master),
		identity.Secret(databaseURL)
	if change != nil {
		change(&s)
	}
	database, err := server.OpenDatabase(t.Context(), s)
	require.NoError(t, err)
	t.Cleanup(func() { _ = database.Close() })
	_, err = database.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	w := &watched{t: t, log: &syncBuffer{}}
	w.server = started(t, server.Config{Settings: s, Stores: server.StoresOf(database),
		Logger: slog.New(slog.NewTextHandler(w.log, nil))})
	return w
}

func inFolder(folder string) string { return "sqlite:" + filepath.Join(folder, "lingpai.db") }

// check asks for one readiness check, and whether the server is ready.
func (w *watched) check(name string) (ready bool, check provider.ReadyCheck) {
	w.t.Helper()
	answer := httptest.NewRecorder()
	w.server.Handler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/readyz", http.NoBody))
	var body struct{ Checks []provider.ReadyCheck }
	require.NoError(w.t, json.Unmarshal(answer.Body.Bytes(), &body))
	for _, found := range body.Checks {
		if found.Name == name {
			check = found
		}
	}
	return answer.Code == http.StatusOK, check
}

// requires waits until a check has a result, in readiness and in the metrics.
func (w *watched) requires(name string, isReady bool, note string, passes int) {
	w.t.Helper()
	var last string
	require.Eventually(w.t, func() bool {
		ready, check := w.check(name)
		last = fmt.Sprint(ready, check)
		return ready == isReady && check.OK == isReady && check.Degraded == (isReady && note != "") &&
			(note == "" && check.Note == "" || note != "" && strings.Contains(check.Note, note))
	}, 60*time.Second, 50*time.Millisecond)
	require.Contains(w.t, w.metrics(), fmt.Sprintf("lingpai_ready{check=%q} %d\n", name, passes), last)
}

// metrics returns the lines of the metrics that this file tests.
func (w *watched) metrics() (text string) {
	answer := httptest.NewRecorder()
	w.server.MetricsHandler().ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/metrics", http.NoBody))
	for line := range strings.Lines(answer.Body.String()) {
		if strings.HasPrefix(line, "lingpai_ready") || strings.HasPrefix(line, "lingpai_clock") {
			text += line
		}
	}
	return text
}

// TestMetricsNeedNobodyWhoAsksForReadiness.
func TestMetricsNeedNobodyWhoAsksForReadiness(t *testing.T) {
	t.Parallel()
	w := watch(t, inFolder(t.TempDir()), nil)
	for _, name := range []string{"database", "signatures", "apps"} {
		require.Contains(t, w.metrics(), fmt.Sprintf("lingpai_ready{check=%q} 1\n", name))
	}
	require.NotContains(t, w.metrics(), "lingpai_clock_offset_seconds", "SQLite has no clock of its own")
}

func TestReadinessSeesAFullDisk(t *testing.T) {
	t.Parallel()
	disk := dbtest.SmallDisk(t)
	w := watch(t, inFolder(disk.Folder), nil)
	w.requires("database", true, "", 1)
	disk.Fill()
	fillLog(t, disk)
	w.requires("database", false, "the disk of the database file is full", 0)
	require.Contains(t, w.log.String(), "free space on it")
	disk.Empty()
	w.requires("database", true, "", 1)
}

// fillLog uses up what SQLite has reserved on a full disk.
func fillLog(t *testing.T, disk *dbtest.Disk) {
	t.Helper()
	s := settings.Defaults()
	s.DatabaseURL = identity.Secret(inFolder(disk.Folder))
	database, err := server.OpenDatabase(t.Context(), s)
	require.NoError(t, err)
	defer database.Close()
	for n := 0; err == nil; n++ {
		require.Less(t, n, 100_000)
		err = database.Marks().Mark(t.Context(), fmt.Sprint(n), "value")
	}
}

func TestReadinessSeesADiskThatBecomesReadOnly(t *testing.T) {
	t.Parallel()
	disk := dbtest.FailingDisk(t)
	w := watch(t, inFolder(disk.Folder), nil)
	w.requires("database", true, "", 1)
	disk.Fail()
	w.requires("database", false, "read-only", 0)
}

func TestReadinessNotesAClockThatIsOff(t *testing.T) {
	t.Parallel()
	url, clock := dbtest.MovableClock(t, dbtest.PostgreSQL(t))
	w := watch(t, url, nil)
	w.requires("clock", true, "", 1)
	require.Regexp(t, `lingpai_clock_offset_seconds (0|-?[0-9.]+e-0[4-9]|-?0\.000[0-9]*)\n`, w.metrics(),
		"the time of the answer is not counted; PostgreSQL's is rounded to a millisecond")
	clock.Move(-time.Hour)
	w.requires("clock", true, "this server's clock is 1h0m0s ahead of the database's", 0)
	require.Regexp(t, `lingpai_clock_offset_seconds (3600|3599\.|3600\.)`, w.metrics())
	clock.Move(2 * time.Hour)
	w.requires("clock", true, "this server's clock is 1h0m0s behind the database's", 0)
	clock.Move(-time.Hour)
	w.requires("clock", true, "", 1)
	clock.Move(-server.ClockTolerance - time.Second)
	w.requires("clock", true, "ahead of the database's", 0)
	clock.Move(2 * time.Second) // to a second less than what is tolerated
	w.requires("clock", true, "", 1)
}

func TestReadinessNotesARedisThatRefusesWrites(t *testing.T) {
	t.Parallel()
	redis := dbtest.RestartableRedis(t)
	options, err := goredis.ParseURL(redis.URL())
	require.NoError(t, err)
	client := goredis.NewClient(options)
	t.Cleanup(func() { _ = client.Close() })
	w := watch(t, inFolder(t.TempDir()), func(s *settings.Settings) { s.RedisURL = identity.Secret(redis.URL()) })
	w.requires("redis", true, "", 1)
	require.NoError(t, client.ConfigSet(t.Context(), "min-replicas-to-write", "1").Err())
	w.requires("redis", true, "refuses commands, since it has fewer replicas than min-replicas-to-write: until that "+
		"is over, passwords, ", 0)
	require.Contains(t, w.log.String(), "start its replicas")
	require.NoError(t, client.ConfigSet(t.Context(), "min-replicas-to-write", "0").Err())
	w.requires("redis", true, "", 1)
	redis.Kill()
	w.requires("redis", true, "does not answer: until it does, passwords, ", 0)
	require.NoError(t, redis.Start())
	w.requires("redis", true, "", 1)
}

// TestReadinessNotesAppSecretsThatCannotBeOpened, of an app that another master key has sealed.
func TestReadinessNotesAppSecretsThatCannotBeOpened(t *testing.T) {
	t.Parallel()
	s := settings.Defaults()
	other, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	s.DatabaseURL, s.MasterKey = identity.Secret(inFolder(t.TempDir())), identity.Secret(other)
	database, err := server.OpenDatabase(t.Context(), s)
	require.NoError(t, err)
	defer database.Close()
	_, err = database.Schema().MigrateUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, database.Apps().Add(context.Background(), identity.App{Platform: identity.PlatformWechat,
		ID: "wx0123456789abcdef", Secret: "0123456789abcdef0123456789abcdef"}))
	w := watch(t, s.DatabaseURL.Reveal(), nil)
	w.requires("apps", true, "AppSecrets that master_key does not decrypt: 1; nobody can sign in", 0)
}
