package main

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// course is what happens before the steps of a visit.
type course struct {
	harmless []fault // one before each step, in turn
	loss     fault   // what waits is lost by it
	at       int     // the step before which it is lost
}

func (c course) before(step int) fault {
	switch {
	case step == c.at && c.loss.happen != nil:
		return c.loss
	case len(c.harmless) > 0:
		return c.harmless[step%len(c.harmless)]
	}
	return noFault
}

// isLost reports whether what waits may be lost at a step, and whether it surely is. A fault during a step may happen
// after its answer, and one before the first step loses nothing.
func (c course) isLost(step int) (maybe, surely bool) {
	maybe = c.loss.happen != nil && step >= c.at && (c.at > 0 || c.loss.during)
	return maybe, maybe && c.at > 0 && (step > c.at || !c.loss.during)
}

// wait makes the steps, each at the other replica. If what waits is lost, it returns false, and no replica answers
// anything of what was asked.
func (f *faults) wait(t *testing.T, v *visit, steps []waitingStep, c course) bool {
	t.Helper()
	asked := make([]question, len(steps))
	for n, step := range steps {
		fault, replica, other := c.before(n), f.replicas[n%2], f.replicas[(n+1)%2]
		t.Logf("%s: %s", step.name, fault.name)
		require.NoError(t, fault.happen(f, replica))
		asked[n] = step.ask(v)
		answer := f.answered(t, v, replica, other, asked[n], fault.during)
		maybe, surely := c.isLost(n)
		maybe = maybe || step.uses && fault.during
		if step.lost == "" || !surely && !(maybe && answer.says(http.StatusBadRequest, step.lost)) {
			step.take(v, answer)
			continue
		}
		for m, earlier := range steps[:n+1] {
			for _, r := range f.replicas {
				if earlier.lost != "" {
					says(http.StatusBadRequest, earlier.lost)(v, f.answered(t, v, r, r, asked[m], false))
				}
			}
		}
		return false
	}
	return true
}

// answered sends a request to a replica, or to the other one if that is killed. If Redis is gone, the answer may be to
// try again; that is done once Redis is back, without its data.
func (f *faults) answered(t *testing.T, v *visit, r, other *replica, q question, kill bool) shown {
	t.Helper()
	answer, err := f.deliver(v, r, other, q, kill)
	require.NoError(t, err)
	if f.gone && answer.status == http.StatusServiceUnavailable {
		if strings.Contains(answer.header.Get("Content-Type"), "json") {
			require.Contains(t, answer.body, `"error":"temporarily_unavailable"`)
			require.NotEmpty(t, answer.header.Get("Retry-After"))
		} else if answer.body != "" { // scripts are told nothing
			require.Contains(t, answer.body, "Try again in a minute.")
		}
		require.NoError(t, f.restoreRedis())
		answer, err = v.send(r, q)
		require.NoError(t, err)
	}
	require.Less(t, answer.status, 500, answer.body)
	return answer
}

// waits makes visits with a harmless fault before each step, and one for each step before which what waits is lost.
func (f *faults) waits(t *testing.T, steps []waitingStep, harmless, losses []fault) {
	t.Helper()
	for n := range harmless {
		f.waitAgain(t, steps, course{harmless: slices.Concat(harmless[n:], harmless[:n])})
	}
	for _, loss := range losses {
		for n := range steps {
			f.waitAgain(t, steps, course{loss: loss, at: n})
		}
	}
}

// waitAgain makes a visit. If what waits is lost, the same browser starts again, and its user need not sign in again.
func (f *faults) waitAgain(t *testing.T, steps []waitingStep, c course) {
	t.Helper()
	v := newVisit(t, "alice")
	if f.wait(t, v, steps, c) {
		return
	}
	if v.signedIn {
		steps = slices.DeleteFunc(slices.Clone(steps), func(step waitingStep) bool { return step.signsIn })
	}
	require.True(t, f.wait(t, v, steps, course{}))
}

// requestsWait has pushed requests and devices wait, and then several browsers and devices ask at once.
func (f *faults) requestsWait(t *testing.T, harmless, losses []fault) {
	t.Helper()
	f.withClients(t)
	f.okWith(goodPassword, "users", "create", "bob")
	f.ok("clients", "create", "television", "--public", "--grant", oauth.GrantDeviceCode, "--grant", "refresh_token",
		"--scope", "openid")
	t.Run("pushed requests", func(t *testing.T) { f.waits(t, pushedSteps, harmless, losses) })
	t.Run("devices", func(t *testing.T) { f.waits(t, deviceSteps, harmless, losses) })
	require.NoError(t, f.restoreRedis())
	alice, bob := newVisit(t, "alice"), newVisit(t, "bob")
	for _, v := range []*visit{alice, bob} {
		require.True(t, f.wait(t, v, pushedSteps, course{}))
	}
	for range 8 {
		f.raceForCode(t, alice, bob)
		f.raceForDevice(t, alice, bob)
	}
}

func TestFaultsWhileRequestsWait(t *testing.T) {
	t.Parallel()
	database, redis := dbtest.PostgreSQL(t), dbtest.RestartableRedis(t)
	f := &faults{fleet: newFleet(t, database, redis.URL(), "lingpai:", withoutPasswordLimit...), redis: redis}
	f.requestsWait(t, []fault{restarted, killedMeanwhile}, []fault{redisFlushed, redisRestarted, redisGone})
}

// TestFaultsWhileRequestsWaitWithSQLite: they wait in the memory of the only process.
func TestFaultsWhileRequestsWaitWithSQLite(t *testing.T) {
	t.Parallel()
	f := &faults{fleet: onlyReplica(t)}
	f.requestsWait(t, nil, []fault{restarted, killedMeanwhile})
}
