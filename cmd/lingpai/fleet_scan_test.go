package main

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// scanVisit is a screen that shows a code, and the phone that scans it.
type scanVisit struct {
	*visit
	token  string // of the phone
	page   string // with the code
	number string // on the page
}

// scanStep is a request of the screen or of the phone. It reports whether the answer is the one that leads on; any
// other one must say that the code was lost.
type scanStep struct {
	name string
	ask  func(v *scanVisit) question
	take func(v *scanVisit, a shown) bool
	used bool // the answer may be lost although the step is done, and cannot be repeated
}

var onScreen = regexp.MustCompile(`id="scan-number"[^>]*>(\d\d)<`)

// scanSteps are all steps from the page that shows a code to the tokens of its client.
var scanSteps = []scanStep{
	{"the way to scan", func(v *scanVisit) question {
		return question{path: "/sign-in/scan?to=authorize&" + requesting("site").Encode()}
	}, (*scanVisit).takePage, false},
	{"the code", (*scanVisit).onPage, func(v *scanVisit, a shown) bool {
		found := onScreen.FindStringSubmatch(a.body)
		if a.status != http.StatusOK || found == nil || !strings.Contains(a.body, `class="qr"`) {
			return false
		}
		v.number = found[1]
		return true
	}, false},
	{"the scan", calling("look"), answers(http.StatusOK, `"client_name":"site"`), false},
	{"a poll", func(v *scanVisit) question {
		return question{path: "/sign-in/scan/wait?" + url.Values{"screen": {v.handle()}, "known": {"pending"}}.Encode()}
	}, answers(http.StatusOK, ""), false},
	{"that it was scanned", (*scanVisit).onPage, answers(http.StatusOK, "Go on with your phone"), false},
	{"the approval", calling("approve"), answers(http.StatusNoContent, ""), false},
	{"the approval, once more", calling("approve"), answers(http.StatusNoContent, ""), false},
	{"a refusal", calling("decline"), answers(http.StatusBadRequest, `"scan":"decided"`), false},
	{"the question", (*scanVisit).onPage, answers(http.StatusOK, `id="scan-continue"`), false},
	{"that it is they", func(v *scanVisit) question { return question{path: v.page, form: url.Values{}} },
		func(v *scanVisit, a shown) bool {
			found := pageRefresh.FindStringSubmatch(a.body)
			if found == nil {
				return false
			}
			v.next, v.signedIn = strings.ReplaceAll(found[1], "&amp;", "&"), true
			return true
		}, true},
	{"the callback", func(v *scanVisit) question { return following(v.visit) }, func(v *scanVisit, a shown) bool {
		v.takeCode(a)
		return true
	}, false},
	{"the tokens", func(v *scanVisit) question { return redeeming("site", "itself")(v.visit) },
		func(v *scanVisit, a shown) bool {
			v.takeTokens(a)
			return true
		}, false},
	{"the form, once more", func(v *scanVisit) question { return question{path: v.page, form: url.Values{}} },
		func(_ *scanVisit, a shown) bool {
			return a.status == http.StatusOK && strings.Contains(a.body, "The code has expired")
		}, false},
}

func (v *scanVisit) takePage(a shown) bool {
	v.page = a.header.Get("Location")
	return a.status == http.StatusSeeOther && v.handle() != ""
}

func (v *scanVisit) handle() string {
	at, err := url.Parse(v.page)
	if err != nil {
		return ""
	}
	return at.Query().Get("screen")
}

func (v *scanVisit) onPage() question { return question{path: v.page} }

// calling calls an endpoint as the phone.
func calling(path string) func(*scanVisit) question {
	return func(v *scanVisit) question {
		return question{"/scan/" + path, url.Values{"scan": {v.handle()}, "number": {v.number}},
			http.Header{"Authorization": {"Bearer " + v.token}}}
	}
}

func answers(status int, text string) func(*scanVisit, shown) bool {
	return func(_ *scanVisit, a shown) bool { return a.status == status && strings.Contains(a.body, text) }
}

// saysLost reports whether an answer says that there is no such code, or leads to a new one.
func (v *scanVisit) saysLost(a shown) bool {
	return a.status == http.StatusBadRequest && strings.Contains(a.body, `"scan":"expired"`) ||
		a.status == http.StatusOK && (a.body == "" || strings.Contains(a.body, "The code has expired")) ||
		a.status == http.StatusSeeOther && strings.Contains(a.header.Get("Location"), "screen=") &&
			!strings.Contains(a.header.Get("Location"), v.handle())
}

// scan makes the steps, each at the other replica. If the code is lost, it returns false.
func (f *faults) scan(t *testing.T, v *scanVisit, c course) bool {
	t.Helper()
	for n, step := range scanSteps {
		fault, replica, other := c.before(n), f.replicas[n%2], f.replicas[(n+1)%2]
		t.Logf("%s: %s", step.name, fault.name)
		require.NoError(t, fault.happen(f, replica))
		answer := f.answered(t, v.visit, replica, other, step.ask(v), fault.during)
		if step.take(v, answer) {
			continue
		}
		maybe, _ := c.isLost(n)
		require.True(t, maybe || step.used && fault.during, "%s: %d %s", step.name, answer.status, answer.body)
		require.True(t, v.saysLost(answer), "%s: %d %v %s", step.name, answer.status, answer.header, answer.body)
		return false
	}
	return true
}

// scanAgain scans, and if the code is lost, scans the next one with the same browser and phone.
func (f *faults) scanAgain(t *testing.T, token string, c course) {
	t.Helper()
	v := &scanVisit{visit: newVisit(t, "alice"), token: token}
	if !f.scan(t, v, c) && !v.signedIn {
		require.True(t, f.scan(t, v, course{}))
	}
}

func (f *faults) scans(t *testing.T, harmless, losses []fault) {
	t.Helper()
	f.withClients(t)
	f.ok("clients", "create", "phone", "--public", "--first-party", "--grant", "password", "--scope", "signin.approve",
		"--default-scope", "signin.approve")
	answer, err := newVisit(t, "alice").send(f.replicas[0], question{path: "/token", form: url.Values{
		"grant_type": {"password"}, "client_id": {"phone"}, "username": {"alice"}, "password": {goodPassword}}})
	require.NoError(t, err)
	var tokens grantedTokens
	require.NoError(t, json.Unmarshal([]byte(answer.body), &tokens))
	for n := range harmless {
		f.scanAgain(t, tokens.Access, course{harmless: slices.Concat(harmless[n:], harmless[:n])})
	}
	for _, loss := range losses {
		for n := range scanSteps {
			f.scanAgain(t, tokens.Access, course{loss: loss, at: n})
		}
	}
}

var withScans = append([]string{"LINGPAI_BROWSER_SCAN=true"}, withoutPasswordLimit...)

// TestFaultsWhileACodeIsScanned: replicas are killed before and during each step, and Redis is flushed, restarted or
// left dead before each. Then the screen shows another code, and nobody is signed in who has not approved.
func TestFaultsWhileACodeIsScanned(t *testing.T) {
	t.Parallel()
	database, redis := dbtest.PostgreSQL(t), dbtest.RestartableRedis(t)
	f := &faults{fleet: newFleet(t, database, redis.URL(), "lingpai:", withScans...), redis: redis}
	f.scans(t, []fault{restarted, killedMeanwhile}, []fault{redisFlushed, redisRestarted, redisGone})
}

// TestFaultsWhileACodeIsScannedWithSQLite: codes are in the memory of the only process.
func TestFaultsWhileACodeIsScannedWithSQLite(t *testing.T) {
	t.Parallel()
	f := &faults{fleet: onlyReplicaWith(t, withScans)}
	f.scans(t, nil, []fault{restarted, killedMeanwhile})
}
