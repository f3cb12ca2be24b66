package main

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/places/placestest"
)

func TestDoctorReportsAllProblemsOfTheConfigurationAndContinues(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	findings := o.with("LINGPAI_SERVER_ISSUER=http://login.example.com", "LINGPAI_TYPO=1",
		"LINGPAI_MASTER_KEY=hidden-master",
		"LINGPAI_REDIS_URL=hidden-redis").examined("--session-idle", "3", "--log-level", "loud")
	requireFinding(t, findings, "configuration", statusFault, "must be https",
		"set server.issuer (LINGPAI_SERVER_ISSUER); allowed: ")
	requireFinding(t, findings, "configuration", statusFault, "LINGPAI_TYPO", "lingpai serve --help")
	requireFinding(t, findings, "configuration", statusFault, "master_key (", "lingpai keys new-master-key")
	requireFinding(t, findings, "configuration", statusFault, "redis.url (", "set redis.url (LINGPAI_REDIS_URL)")
	requireFinding(t, findings, "configuration", statusFault, `"3" from --session-idle`, "1s to 8760h")
	requireFinding(t, findings, "configuration", statusFault, `"loud" from --log-level`, "debug, info, warn or error")
	requireFinding(t, findings, "database", statusOK, "SQLite in lingpai.db", "")
	requireFinding(t, findings, "redis", statusSkipped, "not checked, since redis.url is invalid", "")
	requireFinding(t, findings, "clients", statusOK, "1 enabled client", "")

	a := o.types("", "doctor", "--config", "none.yaml")
	require.Equal(t, 1, a.code)
	require.Regexp(t, `(?m)^fault +configuration +--config: cannot read none.yaml`, a.stdout)
	require.Equal(t, 10, strings.Count(a.stdout, "not checked, since the configuration file cannot be read"))
	require.Contains(t, a.stdout, "1 fault, no warnings, 10 not checked\n")
	require.Contains(t, a.stderr, "lingpai: there are faults")
	require.Contains(t, o.refused("doctor", "--output", "yaml"), "is neither table nor json")
}

func TestDoctorWarnsAboutAllowedButOddSettings(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	o = o.with("LINGPAI_SERVER_ISSUER=https://login.example.com", "LINGPAI_SESSION_IDLE=48h",
		"LINGPAI_SESSION_ABSOLUTE=24h", "LINGPAI_SESSION_REFRESH_GRACE=0s")
	findings := o.examined()
	requireFinding(t, findings, "configuration", statusWarning, "server.trusted_proxies is empty",
		"LINGPAI_SERVER_TRUSTED_PROXIES")
	requireFinding(t, findings, "configuration", statusWarning,
		"session.idle (48h) is longer than session.absolute (24h)", "LINGPAI_SESSION_IDLE")
	requireFinding(t, findings, "configuration", statusOK, "session.refresh_grace is 0s", "")
	requireFinding(t, findings, "wechat", statusWarning, "it is a simulator", "unset wechat.base_url")
	requireFinding(t, o.examined("--audit-retention", "720h"), "configuration", statusWarning,
		"audit.retention is 720h: an attack may be noticed only after its traces are deleted", "4320h")
	requireFinding(t, o.examined("--audit-retention", "0s"), "configuration", statusOK, "never pruned", "")
	// a fault does not hide warnings
	requireFinding(t, o.with("LINGPAI_TYPO=1").examined(), "configuration", statusWarning,
		"server.trusted_proxies is empty", "")
	insecure := o.with("LINGPAI_SERVER_ISSUER=http://192.168.1.20:8080",
		"LINGPAI_SERVER_ALLOW_INSECURE_HTTP=true").examined()
	requireFinding(t, insecure, "configuration", statusWarning, "everybody on this network can read tokens",
		"https URL")
}

func TestDoctorAndServeWarnOfFilesThatOthersCanRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such bits")
	}
	o, _ := healthy(t)
	o.write("key", o.variable("LINGPAI_MASTER_KEY"))
	o.write("c.yaml", "redis: {url: \"redis://:hidden-redis@127.0.0.1:1\"}\n")
	o.env = slices.DeleteFunc(o.env, func(entry string) bool { return strings.HasPrefix(entry, "LINGPAI_MASTER_KEY=") })
	o = o.with("LINGPAI_MASTER_KEY_FILE=key", "LINGPAI_CONFIG=c.yaml")
	for _, f := range o.examined() {
		require.NotContains(t, f.Found, "other than its owner")
	}
	require.NoError(t, os.Chmod(filepath.Join(o.folder, "key"), 0o440))
	require.NoError(t, os.Chmod(filepath.Join(o.folder, "c.yaml"), 0o604))
	findings := o.examined()
	requireFinding(t, findings, "configuration", statusWarning, "can read the secrets in key (mode 0440)",
		"chmod go-rwx key")
	requireFinding(t, findings, "configuration", statusWarning, "can read the secrets in c.yaml (mode 0604)", "chmod")
	p, _ := o.serves("--audit-retention", "24h")
	p.logged("audit.retention is less than 180 days: an attack may be noticed only after its traces are deleted")
	p.logged("users of this machine other than its owner can read the secrets in key (mode 0440)")
	p.logged("users of this machine other than its owner can read the secrets in c.yaml (mode 0604)")
	require.NotContains(t, p.Log(), "hidden")
	require.NoError(t, p.stop())
}

// TestDoctorAndServeReadTheFileOfPlaces, and say which setting names it.
func TestDoctorAndServeReadTheFileOfPlaces(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	requireFinding(t, o.examined("--browser-scan-places", placestest.File(t)), "configuration", statusOK,
		"the places of screens are from GeoLite2-City of 2026-01-01", "")
	wrong := placestest.Write(t, placestest.ASN, map[string]placestest.Place{"192.0.2.0/24": {}})
	o.write("other", "PK")
	for file, says := range map[string]string{wrong: `type "GeoLite2-ASN"`, "other": "not a database",
		"none.mmdb": "no such file or directory"} {
		requireFinding(t, o.examined("--browser-scan-places", file), "configuration", statusFault, says,
			"GeoLite2-City.mmdb")
		refused := o.refused("serve", "--browser-scan-places", file)
		require.Contains(t, refused, "browser.scan_places (LINGPAI_BROWSER_SCAN_PLACES): ")
		require.Contains(t, refused, says)
	}
}
