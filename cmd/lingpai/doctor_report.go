package main

import (
	"errors"
	"fmt"
	"net/url"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
)

// What a finding can be.
const (
	statusOK      = "ok"
	statusWarning = "warning" // works, but not as one would want
	statusFault   = "fault"   // does not work
	statusSkipped = "skipped" // a fault was in the way
)

// finding is what a check found, and what to do about it.
type finding struct {
	Check  string `json:"check"`
	Status string `json:"status"`
	Found  string `json:"found"`
	Advice string `json:"advice"`
}

// report takes findings, and shows each at once unless all are wanted as JSON.
type report struct {
	cmd      *cobra.Command
	json     bool
	check    string // that is being made
	findings []finding
	secrets  *strings.Replacer
}

func newReport(cmd *cobra.Command, c config) *report {
	output, _ := cmd.Flags().GetString("output")
	return &report{cmd: cmd, json: output == "json", findings: []finding{}, secrets: hiding(c.MasterKey,
		c.DatabaseURL, c.RedisURL)}
}

func (r *report) ok(found string)              { r.add(finding{r.check, statusOK, found, ""}) }
func (r *report) skipped(found string)         { r.add(finding{r.check, statusSkipped, found, ""}) }
func (r *report) warning(found, advice string) { r.add(finding{r.check, statusWarning, found, advice}) }
func (r *report) fault(found, advice string)   { r.add(finding{r.check, statusFault, found, advice}) }

// add keeps a finding on one line, whatever a library wrote into an error.
func (r *report) add(f finding) {
	if r.cmd.Context().Err() != nil { // an interrupt made it
		return
	}
	for _, text := range []*string{&f.Found, &f.Advice} {
		*text = strings.Join(strings.Fields(*text), " ")
	}
	r.findings = append(r.findings, f)
	if r.json {
		return
	}
	shown := cells([]string{f.Found, f.Advice})
	r.cmd.Printf("%-8s %-14s %s\n", f.Status, f.Check, shown[0])
	if f.Advice != "" {
		r.cmd.Printf("         to do: %s\n", shown[1])
	}
}

// words are those of an error of a library, which may quote what it was given.
func (r *report) words(err error) string { return r.secrets.Replace(err.Error()) }

// end sums up. Its error makes the exit status.
func (r *report) end() error {
	if r.json {
		if err := printJSON(r.cmd, r.findings); err != nil {
			return err
		}
	} else {
		r.cmd.Println("\n" + r.summary())
	}
	if r.count(statusFault) > 0 {
		return errors.New("there are faults: do what is said below each, then run lingpai doctor again")
	}
	return nil
}

func (r *report) summary() string {
	text := plural(r.count(statusFault), "fault") + ", " + plural(r.count(statusWarning), "warning")
	if skipped := r.count(statusSkipped); skipped > 0 {
		text += fmt.Sprintf(", %d not checked", skipped)
	}
	return text
}

func (r *report) count(status string) int {
	n := 0
	for _, f := range r.findings {
		if f.Status == status {
			n++
		}
	}
	return n
}

func plural(n int, noun string) string {
	switch n {
	case 0:
		return "no " + noun + "s"
	case 1:
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// minSecret is the length below which a text is no secret, and masking it would only make errors unreadable.
const minSecret = 4

// hiding masks secrets and the passwords in them.
func hiding(secrets ...identity.Secret) *strings.Replacer {
	var pairs []string
	hide := func(text string) {
		if len(text) >= minSecret {
			pairs = append(pairs, text, "***")
		}
	}
	for _, secret := range secrets {
		if text := secret.Reveal(); !strings.HasPrefix(text, "sqlite:") { // a path is no secret
			hide(text)
		}
		if u, err := url.Parse(secret.Reveal()); err == nil {
			password, _ := u.User.Password()
			for _, word := range append(u.Query()["password"], password) {
				hide(word)
				hide(url.QueryEscape(word))
				hide(url.PathEscape(word))
			}
		}
	}
	return strings.NewReplacer(pairs...)
}
