package doctor

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql/pgurl"
)

// The statuses of findings.
const (
	StatusOK      = "ok"
	StatusWarning = "warning" // works, but should be improved
	StatusFault   = "fault"   // does not work
	StatusSkipped = "skipped" // not checked, because of a fault
)

// Finding is what a check found, and what to do about it. Each text is one line; Advice is empty unless Status is
// StatusWarning or StatusFault.
type Finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Advice string `json:"advice"`
}

// String formats a finding for a terminal: a line, and one of advice if there is any.
func (f Finding) String() string {
	shown := terminal.Printable([]string{f.Found, f.Advice})
	text := fmt.Sprintf("%-8s %-14s %s\n", f.Status, f.Check, shown[0])
	if f.Advice != "" {
		text += fmt.Sprintf("         to do: %s\n", shown[1])
	}
	return text
}

// Findings are all findings of an examination, in the order of the checks. In JSON, an empty list is [],
// not null.
type Findings []Finding

// Summary counts the findings in a line.
func (f Findings) Summary() string {
	text := terminal.Plural(f.Count(StatusFault), "fault") + ", " + terminal.Plural(f.Count(StatusWarning), "warning")
	if skipped := f.Count(StatusSkipped); skipped > 0 {
		text += fmt.Sprintf(", %d not checked", skipped)
	}
	return text
}

// Count returns how many findings have a status.
func (f Findings) Count(status string) int {
	n := 0
	for _, finding := range f {
		if finding.Status == status {
			n++
		}
	}
	return n
}

// report collects findings, and shows each immediately.
type report struct {
	interrupted func() bool
	show        func(Finding)
	check       string // the name of the current check
	findings    Findings
	secrets     *strings.Replacer
}

func newReport(ctx context.Context, c Config) *report {
	r := &report{interrupted: func() bool { return ctx.Err() != nil }, show: c.Show, findings: Findings{},
		secrets: hiding(c.Settings.MasterKey, c.Settings.DatabaseURL, c.Settings.RedisURL)}
	if r.show == nil {
		r.show = func(Finding) {}
	}
	return r
}

func (r *report) ok(found string)              { r.add(Finding{r.check, StatusOK, found, ""}) }
func (r *report) skipped(found string)         { r.add(Finding{r.check, StatusSkipped, found, ""}) }
func (r *report) warning(found, advice string) { r.add(Finding{r.check, StatusWarning, found, advice}) }
func (r *report) fault(found, advice string)   { r.add(Finding{r.check, StatusFault, found, advice}) }

// add adds a finding, on one line even if an error of a library has several.
func (r *report) add(f Finding) {
	if r.interrupted() { // the interrupt may have caused the finding
		return
	}
	for _, text := range []*string{&f.Found, &f.Advice} {
		*text = strings.Join(strings.Fields(*text), " ")
	}
	r.findings = append(r.findings, f)
	r.show(f)
}

// words returns the text of a library's error without secrets, since it may quote what the library was given.
func (r *report) words(err error) string { return r.secrets.Replace(err.Error()) }

// minSecret is the length, in bytes, below which a text is no secret and masking it would only make errors unreadable.
const minSecret = 4

// hiding returns a replacer that masks secrets and the passwords in URLs.
func hiding(secrets ...identity.Secret) *strings.Replacer {
	var pairs []string
	hide := func(text string) {
		if len(text) >= minSecret {
			pairs = append(pairs, text, "***")
		}
	}
	for _, secret := range secrets {
		if text := secret.Reveal(); !strings.HasPrefix(text, "sqlite:") { // the path of a file is no secret
			hide(text)
		}
		for _, word := range passwords(secret.Reveal()) {
			hide(word)
			hide(url.QueryEscape(word))
			hide(url.PathEscape(word))
		}
	}
	return strings.NewReplacer(pairs...)
}

// passwords returns the passwords in a URL.
func passwords(text string) []string {
	if config, err := pgurl.Parse(text); err == nil {
		return []string{config.Password}
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil
	}
	password, _ := u.User.Password()
	return append(u.Query()["password"], password)
}
