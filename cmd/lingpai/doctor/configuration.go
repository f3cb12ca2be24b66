package doctor

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
)

// unreadable reports whether the configuration file could not be read. The settings are then unknown, and the defaults
// are of no interest.
func (d *doctor) unreadable() bool {
	return slices.ContainsFunc(d.problems, func(fault error) bool {
		return strings.HasPrefix(fault.Error(), "--config: ") || strings.HasPrefix(fault.Error(), "LINGPAI_CONFIG: ")
	})
}

func (d *doctor) checkConfiguration(context.Context) {
	for _, fault := range d.problems {
		d.report.fault(configAdvice(fault))
	}
	if len(d.problems) == 0 {
		d.report.ok("all settings are valid; the issuer is " + d.settings.Issuer)
	}
	d.checkExposure()
	d.checkLives()
	d.checkRetention()
	if !d.unreadable() && !d.faulty("browser.scan_places") {
		d.report.judgePlaces(d.settings)
	}
	d.checkFiles()
}

// checkExposure checks the network between callers and the server.
func (d *doctor) checkExposure() {
	c := d.settings
	if d.unreadable() || d.faulty("server.issuer") {
		return
	}
	if c.Insecure() {
		d.report.warning("the issuer is http on a private address: everybody on this network can read tokens",
			"except for development, set server.issuer (LINGPAI_SERVER_ISSUER) to an https URL")
	}
	if c.TrustsNoProxy() && !d.faulty("server.trusted_proxies") {
		d.report.warning(settings.NoProxyTrusted,
			"set server.trusted_proxies (LINGPAI_SERVER_TRUSTED_PROXIES) to the proxy's address, such as "+
				"127.0.0.1, and let the proxy set X-Forwarded-For")
	}
}

// checkLives checks the lifetimes of sessions.
func (d *doctor) checkLives() {
	c := d.settings
	if !d.faulty("session.idle") && !d.faulty("session.absolute") && c.SessionIdle > c.SessionAbsolute {
		d.report.warning(fmt.Sprintf("session.idle (%s) is longer than session.absolute (%s), so it has no effect",
			short(c.SessionIdle), short(c.SessionAbsolute)),
			"set session.idle (LINGPAI_SESSION_IDLE) to less than session.absolute (LINGPAI_SESSION_ABSOLUTE)")
	}
	if !d.faulty("session.refresh_grace") && c.RefreshGrace == 0 {
		d.report.ok("note: session.refresh_grace is 0s, so an app that sends the same refresh twice, at the same " +
			"time or after a lost response, must send an Idempotency-Key or is signed out")
	}
}

// checkRetention checks how long the audit log is kept.
func (d *doctor) checkRetention() {
	switch c := d.settings; {
	case d.unreadable() || d.faulty("audit.retention"):
	case c.ForgetsEarly():
		d.report.warning("audit.retention is "+short(c.AuditRetention)+": an attack may be noticed only after its "+
			"traces are deleted", "set audit.retention (LINGPAI_AUDIT_RETENTION) to 4320h (180 days) or more, or "+
			"leave it out")
	case c.AuditRetention == 0:
		d.report.ok("note: audit.retention is 0s, so the audit log is never pruned, and the database grows")
	}
}

// judgePlaces reads the file of places as a server does.
func (r *report) judgePlaces(c settings.Settings) {
	read, err := server.ReadPlaces(c)
	switch {
	case err != nil:
		r.fault(err.Error(), "set it to a file such as GeoLite2-City.mmdb, or leave it out")
	case read != nil:
		r.ok(fmt.Sprintf("the places of screens are from %s of %s", read.Type(),
			read.Built().UTC().Format(time.DateOnly)))
	}
}

// checkFiles checks who can read and change the files of the settings.
func (d *doctor) checkFiles() {
	for _, file := range d.settings.Files {
		if how := file.Exposed(); how != "" {
			d.report.warning(how, "chmod go-rwx "+file.Path+
				"; in a container whose files nobody else sees, leave it as it is")
		}
	}
}

// configAdvice separates what is wrong with a setting from what is allowed.
func configAdvice(fault error) (found, advice string) {
	if unknown, ok := errors.AsType[settings.UnknownKeyError](fault); ok {
		advice = "correct or remove it; to list all settings: lingpai serve --help"
		if unknown.Nearest != "" {
			advice = "use " + unknown.Nearest + ", or remove it"
		}
		return unknown.Name + ": there is no such setting", advice
	}
	found, allowed, ok := strings.Cut(fault.Error(), "; allowed: ")
	if !ok {
		return found, "correct the file, or use another one with --config"
	}
	name, _, _ := strings.Cut(found, ": ")
	return found, "set " + name + "; allowed: " + allowed
}

// short formats a duration without trailing zeros: 168h for 168h0m0s.
func short(d time.Duration) string {
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}
