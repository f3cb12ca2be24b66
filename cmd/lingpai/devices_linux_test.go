package main

import (
	stdsql "database/sql"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/dbtest"
)

var (
	pendingDevices = flag.Int("devices.pending", 200, "devices that poll in TestPollingDevices")
	pollingRounds  = flag.Int("devices.rounds", 1, "how many times 20 seconds they poll")
)

const (
	deviceAddresses = 256
	pollers         = 32
	pollingTurn     = 5 * time.Second
)

// TestPollingDevices has devices at 256 addresses wait for their users, and poll at the intervals that they are given.
// All are told to wait, and the database gets no row. The log of the test has the processor time of the server, beside
// that of an idle one; .ci/long devices measures 10 000 devices.
func TestPollingDevices(t *testing.T) {
	redis, prefix := dbtest.Redis(t)
	for name, env := range map[string][]string{"memory": nil, "redis": {"LINGPAI_REDIS_URL=" + redis,
		"LINGPAI_REDIS_KEY_PREFIX=" + prefix}} {
		t.Run(name, func(t *testing.T) { pollDevices(t, env) })
	}
}

func pollDevices(t *testing.T, env []string) {
	database := t.TempDir() + "/lingpai.db"
	o := migrated(t, append(env, "LINGPAI_DATABASE_URL=sqlite:"+database, "LINGPAI_SERVER_TRUSTED_PROXIES=127.0.0.1/32",
		"LINGPAI_LOG_LEVEL=info")...)
	base, server := o.issuer()
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: pollers}}
	waiting := make([]*waitingDevice, *pendingDevices)
	for n := range waiting {
		a := postFrom(t, client, n, base+"/device_authorization", url.Values{"client_id": {"cli"}})
		require.Equal(t, http.StatusOK, a.status, a.members)
		every, isNumber := a.members["interval"].(float64)
		require.True(t, isNumber && every > 0 && int(every)%5 == 0, a.members)
		waiting[n] = &waitingDevice{code: a.text("device_code"), every: int(every) / 5}
	}
	rows := countRows(t, database)
	poll := func(n int) {
		defer waiting[n].turn()()
		a := postFrom(t, client, n, base+"/token", url.Values{"client_id": {"cli"}, "device_code": {waiting[n].code},
			"grant_type": {oauth.GrantDeviceCode}})
		require.Equal(t, "authorization_pending", a.text("error"), a.members)
	}
	period := 20 * time.Second * time.Duration(*pollingRounds)
	before := cpuTime(t, server.PID())
	time.Sleep(period)
	idle := cpuTime(t, server.PID()) - before

	before = cpuTime(t, server.PID())
	began := time.Now()
	polls := pollAll(waiting, 4**pollingRounds, poll)
	took, used := time.Since(began), cpuTime(t, server.PID())-before
	t.Logf("%d devices, %.0f polls a second: %.1f %% of a core, idle %.1f %%, %.0f µs a poll", len(waiting),
		float64(polls)/took.Seconds(), 100*used.Seconds()/took.Seconds(), 100*idle.Seconds()/period.Seconds(),
		float64((used-idle).Microseconds())/float64(polls))
	require.Equal(t, rows, countRows(t, database))
}

// waitingDevice is a device that polls once in so many turns of five seconds.
type waitingDevice struct {
	code   string
	every  int
	mutex  sync.Mutex
	before time.Time // the server may have seen its last poll as late as this
}

// turn waits for as long as the device must after its last poll: on a busy machine, that may have come late. Call the
// result after the poll.
func (d *waitingDevice) turn() (over func()) {
	d.mutex.Lock()
	time.Sleep(time.Until(d.before.Add(time.Duration(d.every) * pollingTurn)))
	return func() {
		d.before = time.Now()
		d.mutex.Unlock()
	}
}

// pollAll has devices poll for a number of turns, evenly, and returns how often they did.
func pollAll(waiting []*waitingDevice, turns int, poll func(n int)) (polls int) {
	queue := make(chan int)
	var group sync.WaitGroup
	for range pollers {
		group.Go(func() {
			for n := range queue {
				poll(n)
			}
		})
	}
	for number := range turns {
		begin := time.Now()
		for n, device := range waiting {
			if (number+n)%device.every == 0 {
				time.Sleep(time.Until(begin.Add(pollingTurn * time.Duration(n) / time.Duration(len(waiting)))))
				queue <- n
				polls++
			}
		}
		time.Sleep(time.Until(begin.Add(pollingTurn)))
	}
	close(queue)
	group.Wait()
	return polls
}

// postFrom posts a form as the device with a number.
func postFrom(t *testing.T, client *http.Client, device int, target string, form url.Values) reply {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	require.NoError(t, err)
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	request.Header.Set("X-Forwarded-For", fmt.Sprintf("198.18.%d.7", device%deviceAddresses))
	response, err := client.Do(request)
	require.NoError(t, err)
	defer response.Body.Close()
	r := reply{status: response.StatusCode}
	require.NoError(t, json.NewDecoder(response.Body).Decode(&r.members))
	return r
}

// countRows returns how many rows each table of a database in a file has.
func countRows(t *testing.T, file string) map[string]int {
	t.Helper()
	connection, err := stdsql.Open("sqlite", file)
	require.NoError(t, err)
	defer connection.Close()
	names, err := connection.QueryContext(t.Context(), "SELECT name FROM sqlite_master WHERE type = 'table'")
	require.NoError(t, err)
	defer names.Close()
	counted := map[string]int{}
	for names.Next() {
		var name string
		require.NoError(t, names.Scan(&name))
		if name != "marks" { // of the server itself, such as when it last pruned
			counted[name] = 0
		}
	}
	require.NoError(t, names.Err())
	for name := range counted {
		var rows int
		require.NoError(t, connection.QueryRowContext(t.Context(), "SELECT count(*) FROM "+name).Scan(&rows))
		counted[name] = rows
	}
	return counted
}

// cpuTime returns the processor time of a process, by fields 14 and 15 of proc_pid_stat(5), in hundredths of a second.
func cpuTime(t *testing.T, pid int) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	require.NoError(t, err)
	fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, err := strconv.Atoi(fields[11])
	require.NoError(t, err)
	system, err := strconv.Atoi(fields[12])
	require.NoError(t, err)
	return time.Duration(user+system) * 10 * time.Millisecond
}
