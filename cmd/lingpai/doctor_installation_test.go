package main

import (
	stdsql "database/sql"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/storage/dbtest"
	"github.com/lingpai/lingpai/storage/sql"
)

func TestDoctorReportsAMissingDatabaseAndCreatesNone(t *testing.T) {
	t.Parallel()
	o := newOperator(t, loopbackIssuer, nowhere, "LINGPAI_MASTER_KEY="+aKey)
	findings := o.examined()
	requireFinding(t, findings, "database", statusFault, "there is no database at lingpai.db", "lingpai migrate up")
	for _, check := range []string{"migrations", "keys", "apps", "clients", "notices"} {
		require.Contains(t, findings, finding{Check: check, Status: statusSkipped,
			Found: "not checked, since the database is not open", Advice: ""})
	}
	requireFinding(t, findings, "wechat", statusFault,
		"https://api.weixin.qq.com cannot be reached: proxyconnect tcp", "curl -I https://api.weixin.qq.com")
	requireFinding(t, findings, "clock", statusSkipped, "no other clock to compare with", "")
	require.NoFileExists(t, filepath.Join(o.folder, "lingpai.db"))
	o.write("lingpai.db", "")
	requireFinding(t, o.examined(), "database", statusFault, "there is no database at lingpai.db", "")
	o.write("lingpai.db", strings.Repeat("no database ", 100))
	requireFinding(t, o.examined(), "database", statusFault, "lingpai.db cannot be opened", "LINGPAI_DATABASE_URL")
	require.Contains(t, o.refused("keys", "list"), "that the user running this command can read and write the file")
}

func TestDoctorReportsMissingMigrations(t *testing.T) {
	t.Parallel()
	o := migrated(t, loopbackIssuer, nowhere)
	findings := o.examined()
	requireFinding(t, findings, "keys", statusOK, "none yet", "")
	requireFinding(t, findings, "apps", statusOK, "none: nobody can sign in through WeChat", "")
	requireFinding(t, findings, "clients", statusWarning, "none that is enabled", "lingpai clients create --help")
	requireFinding(t, findings, "wechat", statusWarning, "there is no app that needs it", "")
	o.ok("migrate", "down")
	findings = o.examined()
	f := found(t, findings, "it is at version ")
	require.Equal(t, finding{Check: "migrations", Status: statusFault,
		Found: f.Found, Advice: "lingpai migrate up"}, f)
	for _, check := range []string{"keys", "apps", "clients", "notices"} {
		require.Contains(t, findings, finding{Check: check, Status: statusSkipped,
			Found: "not checked, since the database schema is not the one that this version needs", Advice: ""})
	}
}

func TestDoctorReportsWhoMayReadTheDatabase(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such permissions")
	}
	o, _ := healthy(t)
	require.NoError(t, os.Chmod(filepath.Join(o.folder, "lingpai.db"), 0o644))
	requireFinding(t, o.examined(), "database", statusWarning,
		"every user of this machine can read or write lingpai.db (mode 0644)", "chmod o-rwx lingpai.db")
}

func TestDoctorReportsAMasterKeyThatDoesNotDecrypt(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	findings := o.with("LINGPAI_MASTER_KEY=" + aKey).examined()
	requireFinding(t, findings, "keys", statusFault, "which is not in master_key (LINGPAI_MASTER_KEY)",
		"add its entry after the first")
	requireFinding(t, findings, "apps", statusFault, appID+": master_key does not decrypt its AppSecret",
		"lingpai apps rotate-secret "+appID)

	id := o.listed("keys", "list")[0]["master_key"].(string)
	_, other, _ := strings.Cut(aKey, ":")
	findings = o.with("LINGPAI_MASTER_KEY=" + id + ":" + other).examined()
	requireFinding(t, findings, "keys", statusFault, "does not open the", "not another key with the same id")

	findings = o.with("LINGPAI_MASTER_KEY=").examined()
	requireFinding(t, findings, "configuration", statusFault, "master_key (LINGPAI_MASTER_KEY): it is required",
		"lingpai keys new-master-key")
	for _, check := range []string{"keys", "apps"} {
		require.Contains(t, findings, finding{Check: check, Status: statusSkipped,
			Found: "not checked, since master_key is invalid", Advice: ""})
	}
}

func TestDoctorTriesRedis(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	findings := o.with("LINGPAI_REDIS_URL=redis://user:hidden-password@127.0.0.1:1").examined()
	requireFinding(t, findings, "redis", statusFault, "does not answer", "LINGPAI_REDIS_URL")

	server := dbtest.RestartableRedis(t)
	o = o.with("LINGPAI_REDIS_URL=" + server.URL())
	requireFinding(t, o.examined(), "redis", statusOK, "stores and returns values; a command takes", "")
	full := dbtest.RestartableRedis(t, "--maxmemory", "1", "--maxmemory-policy", "noeviction")
	requireFinding(t, o.with("LINGPAI_REDIS_URL="+full.URL()).examined(), "redis", statusFault,
		"refuses commands: it has no memory left", "maxmemory")
	lonely := dbtest.RestartableRedis(t, "--min-replicas-to-write", "1")
	requireFinding(t, o.with("LINGPAI_REDIS_URL="+lonely.URL()).examined(), "redis", statusFault,
		"refuses commands: it has fewer replicas", "start its replicas")
	replica := dbtest.RestartableRedis(t, "--replicaof", "127.0.0.1 1")
	requireFinding(t, o.with("LINGPAI_REDIS_URL="+replica.URL()).examined(), "redis", statusFault,
		"refuses commands: it is a read-only replica", "let redis.url (LINGPAI_REDIS_URL) lead to the primary")
	stranger := o.with("LINGPAI_REDIS_URL=redis://user:hidden-password@" + server.Address())
	requireFinding(t, stranger.examined(), "redis", statusFault,
		"refuses commands: the user or the password is wrong", "correct them in redis.url (LINGPAI_REDIS_URL)")
	require.NoError(t, server.Pause())
	requireFinding(t, o.examined(), "redis", statusFault, "does not answer", "LINGPAI_REDIS_URL")
}

// TestTooManyConnectionsOfPostgreSQL are an outage whose end an operator is told.
func TestTooManyConnectionsOfPostgreSQL(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	server.LimitConnections(t, 6)
	o := newOperator(t, loopbackIssuer, nowhere, "LINGPAI_MASTER_KEY="+aKey, "LINGPAI_DATABASE_URL="+server.URL())
	dbtest.FillPostgreSQL(t, server.URL())
	const advice = "lower database.connections (LINGPAI_DATABASE_CONNECTIONS)"
	requireFinding(t, o.examined(), "database", statusFault, "SQLSTATE 53300", advice)
	require.Contains(t, o.refused("keys", "list"), "raise max_connections")
}

func TestDoctorLooksAtPostgreSQL(t *testing.T) {
	t.Parallel()
	server := dbtest.TemporaryPostgreSQL(t)
	o := newOperator(t, loopbackIssuer, nowhere, "LINGPAI_MASTER_KEY="+aKey, "LINGPAI_DATABASE_URL="+server.URL())
	requireFinding(t, o.examined(), "migrations", statusFault, "at version 0 of ", "lingpai migrate up")
	o.ok("migrate", "up")
	findings := o.examined()
	requireFinding(t, findings, "database", statusOK, "PostgreSQL at 127.0.0.1:", "")
	requireFinding(t, findings, "migrations", statusOK, "the database schema is the one that this version needs", "")
	requireFinding(t, findings, "redis", statusWarning, "redis.url is empty", "LINGPAI_REDIS_URL")
	requireFinding(t, findings, "clock", statusOK, "this machine's clock agrees with the clock of the database", "")

	server.RejectWrites(t, true)
	requireFinding(t, o.examined(), "database", statusFault,
		"cannot be written: read-only: default_transaction_read_only is on", "target_session_attrs=read-write")
	requireFinding(t, o.with("LINGPAI_DATABASE_URL="+server.URL()+"&target_session_attrs=read-write").examined(),
		"database", statusFault, "cannot be opened", "turn default_transaction_read_only off")
	server.RejectWrites(t, false)
	socket, port := server.Socket()
	local := "postgres://postgres@/postgres?host=" + socket + "&port=" + port
	requireFinding(t, o.with("LINGPAI_DATABASE_URL="+local).examined(), "database", statusOK,
		"PostgreSQL at "+socket+"/.s.PGSQL."+port+" (database postgres) answers", "")

	findings = o.with("LINGPAI_DATABASE_URL=" + withClockAhead(t, server.URL())).examined()
	requireFinding(t, findings, "clock", statusFault, "clock is 2m0s behind the clock of the database", "NTP")
	server.Stop()
	requireFinding(t, o.examined(), "database", statusFault, "cannot be opened", "that the server runs")
	require.Contains(t, o.refused("keys", "list"), "LINGPAI_DATABASE_URL): that the server runs")
}

// withClockAhead returns a URL through which the clock of a database appears two minutes ahead.
func withClockAhead(t *testing.T, url string) string {
	database, err := stdsql.Open("pgx", url)
	require.NoError(t, err)
	defer database.Close()
	_, err = database.ExecContext(t.Context(), `CREATE SCHEMA moved;
		CREATE FUNCTION moved.clock_timestamp() RETURNS timestamptz LANGUAGE sql VOLATILE AS
		$$ SELECT pg_catalog.clock_timestamp() + interval '2 minutes' $$`)
	require.NoError(t, err)
	return url + "&search_path=public,moved,pg_catalog"
}

func TestDoctorLooksAtClients(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	o.ok("clients", "create", "slow", "--grant", "wechat_code", "--app", appID, "--audience", audience,
		"--access-ttl", "12h", "--idle-ttl", "1h")
	create := func(client identity.Client) {
		client.Audience = []string{audience}
		database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
		require.NoError(t, err)
		defer database.Close()
		require.NoError(t, database.Clients().Create(t.Context(), client))
	}
	create(identity.Client{ID: "twin", Grants: []string{oauth.GrantWechatCode}, Apps: []string{appID},
		Scopes: []string{"admin"}})
	create(identity.Client{ID: "lost", Grants: []string{oauth.GrantWechatCode}, Apps: []string{"wx9999999999999999"}})
	create(identity.Client{ID: "open", Grants: []string{oauth.GrantPassword}, FirstParty: true})
	create(identity.Client{ID: "mute", Grants: []string{oauth.GrantPassword}, FirstParty: true, Confidential: true})
	create(identity.Client{ID: "signer", Grants: []string{oauth.GrantClientCredentials}, Confidential: true,
		JWKSURI: "https://signer.example.com/jwks"})
	create(identity.Client{ID: "idle", Grants: []string{oauth.GrantRefreshToken}, Confidential: true,
		SecretHash: identity.HashSecret("x")})
	create(identity.Client{ID: "gone", Grants: []string{oauth.GrantWechatCode}, Apps: []string{appID},
		Scopes: []string{"other"}})
	o.ok("clients", "disable", "gone")
	create(identity.Client{ID: "spa", Grants: []string{oauth.GrantAuthorizationCode},
		RedirectURIs: []string{callback, "http://localhost:3000/callback"}})
	create(identity.Client{ID: "desk", Grants: []string{oauth.GrantAuthorizationCode}, Confidential: true,
		SecretHash: identity.HashSecret("x"), RedirectURIs: []string{"http://127.0.0.1/callback"}})
	create(identity.Client{ID: "wide", Grants: []string{oauth.GrantAuthorizationCode},
		RedirectURIs: []string{"http://x/"}})

	findings := o.examined()
	for _, finding := range findings {
		require.NotContains(t, finding.Found, "signer", "it authenticates with a key")
	}
	requireFinding(t, findings, "clients", statusWarning, "shop, twin: public clients of app "+appID,
		"lingpai clients disable twin")
	requireFinding(t, findings, "clients", statusFault, `lost: --app: there is no app "wx9999999999999999"`,
		"lingpai apps add wx9999999999999999")
	requireFinding(t, findings, "clients", statusWarning, "open: it is public and may use the password grant",
		"lingpai clients update open")
	requireFinding(t, findings, "clients", statusFault, "mute: it is confidential and has no secret",
		"lingpai clients rotate-secret mute")
	requireFinding(t, findings, "clients", statusFault, "idle: --grant: use authorization_code",
		"lingpai clients update idle")
	requireFinding(t, findings, "clients", statusWarning, "spa: any program on a user's machine can receive its codes",
		"lingpai clients update spa")
	requireFinding(t, findings, "clients", statusWarning, "desk: it is confidential, and all its redirect URIs",
		"lingpai clients update desk")
	requireFinding(t, findings, "clients", statusFault, `wide: --redirect-uri: "http://x/" needs https`,
		"lingpai clients update wide")
	requireFinding(t, findings, "clients", statusWarning,
		"slow: its record sets longer lifetimes than the server's settings: 12h instead of token.access_ttl=1h",
		"if that is intended")
	requireFinding(t, o.with("LINGPAI_KEYS_RETIRE=2h").examined(), "clients", statusWarning,
		"slow: its access tokens are valid for 1h59m55s instead of 12h", "set keys.retire to 12h0m5s or more")
	for _, f := range findings {
		require.NotContains(t, f.Found, "gone")
	}
}
