package conformance_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/lingpai/lingpai/test/harness"
)

func TestMain(m *testing.M) { harness.Main(m) }

// plan is a test plan of the suite.
type plan struct {
	name     string
	formPost bool // response_mode=form_post
	modules  []module
}

// module is a test module of the suite.
type module struct {
	name string
	run  func(r *run)
}

// plans are the test plans, for clients that are registered beforehand.
var plans = []plan{
	{"oidcc-basic-certification-test-plan", false, basic},
	{"oidcc-formpost-basic-certification-test-plan", true, basic},
	{"oidcc-config-certification-test-plan", false, config},
	{"oidcc-rp-initiated-logout-certification-test-plan", false, rpInitiatedLogout},
	{"oidcc-backchannel-rp-initiated-logout-certification-test-plan", false, backchannelLogout},
}

// running is how many modules run at the same time. Two of them wait for most of the time.
const running = 4

// TestConformance runs all modules, and compares the results with docs/conformance.md.
func TestConformance(t *testing.T) {
	t.Parallel()
	s := start(t)
	results := map[string]*result{} // by plan and module
	slots, modules := make(chan struct{}, running), sync.WaitGroup{}
	for _, p := range plans {
		for _, m := range p.modules {
			r := &run{s: s, formPost: p.formPost, user: fmt.Sprintf("user-%d", len(results)), client: s.client}
			results[key(p, m)] = &r.result
			slots <- struct{}{}
			modules.Go(func() {
				defer func() { <-slots }()
				t.Run(key(p, m), func(t *testing.T) { r.begin(t, m) })
			})
		}
	}
	modules.Wait()
	comparePages(t, results)
}

func key(p plan, m module) string { return p.name + "/" + m.name }

// outcome is how a module ended. One that has failed has none.
type outcome string

const (
	notRun  outcome = ""
	passed  outcome = "passed"
	warning outcome = "warning" // passed, but the suite warns
	skipped outcome = "skipped"
)

// result is the result of a module. It has a reason unless it has passed with nothing to add.
type result struct {
	outcome outcome
	reason  string
}

// run is a run of a module: a user in a fresh browser at a client.
type run struct {
	t        *testing.T
	s        *system
	formPost bool
	user     string
	client   client
	browser  *browser
	result   result
}

func (r *run) begin(t *testing.T, m module) {
	r.t, r.browser = t, newBrowser(t, r.s, r.user)
	t.Cleanup(func() {
		switch {
		case t.Failed():
			r.result = result{}
		case r.result.outcome == notRun:
			r.result.outcome = passed
		}
	})
	m.run(r)
}

// warn makes the result a warning, unless a condition holds.
func (r *run) warn(holds bool, reason string) {
	if !holds {
		r.result = result{warning, reason}
	}
}

// skip ends the module.
func (r *run) skip(reason string) {
	r.result = result{skipped, reason}
	r.t.Skip(reason)
}

// screenshot says that the suite asks for a screenshot of a page, which a person looks at.
func (r *run) screenshot(reason string) { r.result.reason = reason }
