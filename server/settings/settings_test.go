package settings

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/limits"
)

// aKey is a master key for tests.
const aKey = "k1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="

// parsed loads the configuration of a serve command with arguments.
func parsed(t *testing.T, args ...string) (Settings, error) {
	t.Helper()
	cmd := &cobra.Command{}
	AddFlags(cmd)
	require.NoError(t, cmd.ParseFlags(args))
	return Load(cmd.Flags(), LoadOptions{})
}

// write writes a file in a folder.
func write(t *testing.T, folder, name, text string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(folder, name), []byte(text), 0o600))
}

func TestVariablesAndFlagsFollowFromTheKey(t *testing.T) {
	for _, s := range table() {
		require.Regexp(t, `^[a-z_]+(\.[a-z_]+)?$`, s.key)
		require.Equal(t, "LINGPAI_"+strings.ToUpper(strings.ReplaceAll(s.key, ".", "_")), s.variable())
		require.NotEmpty(t, s.usage, s.key)
	}
	require.Equal(t, "LINGPAI_SESSION_REFRESH_GRACE", setting{key: "session.refresh_grace"}.variable())
	require.Equal(t, "session-refresh-grace", setting{key: "session.refresh_grace"}.flag())
}

func TestDefaultsAreAllowed(t *testing.T) {
	c, err := parsed(t)
	require.NoError(t, err)
	require.Equal(t, "127.0.0.1:8080", c.Addr)
	require.Equal(t, 30*time.Second, c.RefreshGrace)
	require.Equal(t, "lingpai.db", c.DatabaseFile())
	require.False(t, c.IsSimulated(identity.PlatformWechat))
	require.Equal(t, Defaults(), c)
}

func TestTheDatabaseIsNamedByWhereItIs(t *testing.T) {
	c := Defaults()
	require.Equal(t, "lingpai.db", c.DatabaseName())
	c.DatabaseURL = "postgres://u:secret@[::1]:1,localhost:2/db?host=/run/x,localhost"
	require.Empty(t, c.DatabaseFile())
	require.Equal(t, "PostgreSQL at /run/x/.s.PGSQL.1, localhost:2 (database db)", c.DatabaseName())
}

func TestLimitsAreOverridden(t *testing.T) {
	c, err := parsed(t, "--limits-overrides", "sign_ins=100/1h, phone_numbers=0/24h", "--account-registrations", "7")
	require.NoError(t, err)
	rates := c.Limits()
	require.Equal(t, limits.Rate{Uses: 100, Period: time.Hour}, rates[limits.SignIns])
	require.Zero(t, rates[limits.PhoneNumbers].Uses)
	require.Equal(t, limits.Rate{Uses: 7, Period: time.Hour}, rates[limits.Registrations])
	_, err = parsed(t, "--limits-overrides", "sign_ins=100/1h,app_tokens=1/1m,sign_ins=0/1h")
	require.ErrorContains(t, err, "sign_ins has two rates")
	for _, limit := range limits.All() {
		require.Equal(t, limit.Rate, Defaults().Limits()[limit.Name], "the defaults of settings are those of the table")
	}
}

func TestContextClassesAreByMethod(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("LINGPAI_CONFIG", folder+"/c.yaml")
	longest := strings.Repeat("~", 255)
	write(t, folder, "c.yaml", "token: {acr: ['pwd=urn:a?b=c', wechat=1, qq="+longest+"]}\n")
	c, err := parsed(t)
	require.NoError(t, err)
	require.Equal(t, identity.ContextClasses{"pwd": "urn:a?b=c", "wechat": "1", "qq": longest}, c.ContextClasses)
	c, err = parsed(t, "--token-acr", "wechat=silver, pwd=silver,")
	require.NoError(t, err)
	require.Equal(t, []string{"silver"}, c.ContextClasses.Values(), "flags replace the whole list")
	_, err = parsed(t, "--token-acr", "pwd=1,sms=2")
	require.ErrorContains(t, err, "an entry does not begin with a method and =")
	_, err = parsed(t, "--token-acr", "pwd=1,pwd=2")
	require.ErrorContains(t, err, "pwd has two values")
	require.Empty(t, Defaults().ContextClasses.Values())
}

func TestFlagsWinOverEnvironmentAndThatOverFile(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "c.yaml", "session: {idle: 1h, absolute: 2h, refresh_grace: 0s}\nserver:\n  trusted_proxies: "+
		"[10.0.0.1, 192.168.0.0/16]\nmaster_key: "+aKey+"\nwechat.timeout: 2s\n")
	t.Setenv("LINGPAI_CONFIG", folder+"/c.yaml")
	t.Setenv("LINGPAI_SESSION_IDLE", "3h")
	t.Setenv("LINGPAI_SESSION_ABSOLUTE", "4h")
	c, err := parsed(t, "--session-absolute", "5h")
	require.NoError(t, err)
	require.Equal(t, 3*time.Hour, c.SessionIdle)
	require.Equal(t, 5*time.Hour, c.SessionAbsolute)
	require.Zero(t, c.RefreshGrace)
	require.Equal(t, 2*time.Second, c.WechatTimeout, "a dotted key is the same as a nested one")
	require.Equal(t, aKey, c.MasterKey.Reveal())
	require.Equal(t, []netip.Prefix{netip.MustParsePrefix("10.0.0.1/32"), netip.MustParsePrefix("192.168.0.0/16")},
		c.TrustedProxies)
}

func TestSectionsMayBeEmpty(t *testing.T) {
	folder := t.TempDir()
	t.Setenv("LINGPAI_CONFIG", folder+"/c.yaml")
	for _, text := range []string{"session:\n  # idle: 1h\nkeys: {}\naudit: ~\n", "", "# nothing\n", "\ufeff",
		"\ufeffsession:\r\n  # idle: 1h\r\n"} {
		write(t, folder, "c.yaml", text)
		c, err := parsed(t)
		require.NoError(t, err, text)
		require.Equal(t, Defaults().SessionIdle, c.SessionIdle)
	}
	for _, text := range []string{"sessions:\n  # idle: 1h\n", "session: 5\n", "session: []\n"} {
		write(t, folder, "c.yaml", text)
		_, err := parsed(t)
		require.ErrorContains(t, err, "unknown setting", text)
	}
}

func TestServiceLinksAreNoSettings(t *testing.T) {
	for _, link := range []string{
		"LINGPAI_PORT=tcp://10.96.0.7:8080", "LINGPAI_SERVICE_HOST=10.96.0.7", "LINGPAI_SERVICE_PORT=8080",
		"LINGPAI_SERVICE_PORT_HTTP=8080", "LINGPAI_PORT_8080_TCP=tcp://10.96.0.7:8080",
		"LINGPAI_PORT_8080_TCP_PROTO=tcp", "LINGPAI_PORT_8080_TCP_PORT=8080", "LINGPAI_PORT_8080_TCP_ADDR=10.96.0.7",
		"LINGPAI_METRICS_SERVICE_HOST=10.96.0.8", "LINGPAI_METRICS_PORT=udp://10.96.0.8:9090",
		"LINGPAI_METRICS_PORT_9090_UDP_ADDR=fd00::8",
	} {
		name, value, _ := strings.Cut(link, "=")
		t.Setenv(name, value)
	}
	_, err := parsed(t)
	require.NoError(t, err)
	for _, s := range table() {
		require.NotRegexp(t, serviceLink, s.variable()+"=tcp://x")
	}
	for name, value := range map[string]string{"LINGPAI_PORT": "8080", "LINGPAI_SERVER_PORT": "8080",
		"LINGPAI_HOST": "x"} {
		t.Setenv(name, value)
		_, err := parsed(t)
		require.ErrorContains(t, err, name+": unknown setting")
	}
}

func TestUnknownKeysSuggestTheNearest(t *testing.T) {
	known := []string{"LINGPAI_CONFIG"}
	for _, s := range table() {
		known = append(known, s.key, s.variable(), s.variable()+"_FILE")
	}
	for name, want := range map[string]string{
		"session.idel": "session.idle", "session.refresh-grace": "session.refresh_grace", "issuer": "server.issuer",
		"Server.issuer": "server.issuer", "database.uri": "database.url",
		"server.trusted_proxy": "server.trusted_proxies",
		"LINGPAI_SERVER_ADR":   "LINGPAI_SERVER_ADDR", "LINGPAI_ISSUER": "LINGPAI_SERVER_ISSUER",
		"LINGPAI_MASTERKEY_FILE": "LINGPAI_MASTER_KEY_FILE", "LINGPAI_TYPO": "", "server": "", "x": "", "": "",
	} {
		require.Equal(t, want, nearest(name, known), name)
	}
	folder := t.TempDir()
	write(t, folder, "c.yaml", "session: {idel: 1h}\nissuer: https://login.example.com\n")
	t.Setenv("LINGPAI_CONFIG", folder+"/c.yaml")
	t.Setenv("LINGPAI_SERVER_ADR", "x")
	_, err := parsed(t)
	require.ErrorContains(t, err, "session.idel (in "+folder+"/c.yaml): unknown setting; did you mean session.idle?")
	require.ErrorContains(t, err, "did you mean server.issuer?")
	require.ErrorContains(t, err, "LINGPAI_SERVER_ADR: unknown setting; did you mean LINGPAI_SERVER_ADDR?")
}

func TestSecretsAreReadFromFilesAndHaveNoFlag(t *testing.T) {
	folder := t.TempDir()
	write(t, folder, "key", "\ufeff"+aKey+"\r\n")
	t.Setenv("LINGPAI_MASTER_KEY_FILE", folder+"/key")
	c, err := parsed(t)
	require.NoError(t, err)
	require.Equal(t, aKey, c.MasterKey.Reveal())
	write(t, folder, "empty", "\n")
	for file, says := range map[string]string{"": "name a file, or unset it",
		folder + "/empty": "is empty", folder + "/gone": "no such file"} {
		t.Setenv("LINGPAI_MASTER_KEY_FILE", file)
		_, err := parsed(t)
		require.ErrorContains(t, err, says)
	}
	cmd := &cobra.Command{}
	AddFlags(cmd)
	for _, s := range table() {
		require.Equal(t, s.secret, cmd.Flags().Lookup(s.flag()) == nil, s.key)
	}
}

func TestInvalidValuesOfEachSettingAreRejected(t *testing.T) {
	tests := map[string][]string{
		"server.addr": {"", "8080", "localhost", "127.0.0.1:", "127.0.0.1:http", "127.0.0.1:65536", "127.0.0.1:-1"},
		"server.issuer": {"login.example.com", "ftp://x", "https://x/", "https://x?a=b",
			"https://x#f", "https://u:p@x", "https://"},
		"limits.overrides": {"sign_ins", "sign_ins=", "sign_ins=60", "sign_ins=1/0s", "sign_ins=-1/1h",
			"sign_ins=1000001/1h", "sign_ins=60/721h", "sign_ins=60/1", "nonsense=60/1h", "registrations=60/1h",
			"password_address=60/1h", "sign_ins=60/1h,=", "sign_ins=6 0/1h", "sign_ins=60/1h,sign_ins=60/1h"},
		"token.acr": {"pwd", "pwd=", "=1", "1", "sms=1", "PWD=1", "pwd =1", "pwd= 1", "pwd=a b", "pwd=a\tb",
			"pwd=a\x7f", "pwd=密码", "pwd=\xff", "pwd=1,wechat", "pwd=1,pwd=1", "pwd=1,qq=1,pwd=2",
			"pwd=" + strings.Repeat("1", 256)},
		"server.trusted_proxies":     {"proxy", "10.0.0.0/33", "10.0.0.1,x"},
		"server.allow_insecure_http": {"", "yes", "2"},
		"database.url": {"", "lingpai.db", "sqlite:", "mysql://h/d", "postgres://", "postgres://h",
			"host=h dbname=d", "postgres://h/d?sslmode=maybe"},
		"server.connections":   {"", "63", "1000001", "many"},
		"database.connections": {"", "1", "1001", "many"},
		"redis.url":            {"h:6379", "http://h", "redis://"},
		"redis.key_prefix":     {"", "a b", "lingpai:{tag}", strings.Repeat("x", 65)},
		"master_key":           {"k1", "AAAA", "k1:AAAA", aKey + "," + aKey},
		"wechat.base_url": {"", "api.weixin.qq.com", "http://api.weixin.qq.com",
			"https://example.com", "http://10.0.0.1", "ftp://127.0.0.1", "http://u:p@127.0.0.1", "http://127.0.0.1?x"},
		"server.shutdown_delay":   {"", "5", "301s", "-1s"},
		"wechat.timeout":          {"", "3", "99ms", "11s", "-1s"},
		"wechat.session_key_life": {"", "72", "59s", "721h"},
		"qq.base_url": {"", "api.q.qq.com", "http://api.q.qq.com", "https://api.weixin.qq.com",
			"http://10.0.0.1", "http://u:p@127.0.0.1"}, "browser.wechat_files": {"settings.go", "none", "."},
		"browser.wechat_frame": {"", "maybe", "2"}, "browser.wechat_quick_login": {"", "maybe", "2"},
		"account.deletion_grace":        {"", "59s", "2161h"},
		"account.address_registrations": {"", "0", "1000001"},
		"account.registrations":         {"", "0", "1000001"},
		"token.access_ttl":              {"0s", "25h"},
		"keys.interval":                 {"", "-1s", "8761h", "30"},
		"keys.announce":                 {"", "0s", "4s", "721h"},
		"keys.retire":                   {"", "0s", "8761h"},
		"session.refresh_grace":         {"-1s", "11m", "30"},
		"session.ahead":                 {"", "maybe"},
		"session.idle":                  {"0s", "8761h"},
		"session.absolute":              {"0s", "87601h"},
		"browser.wechat_apps":           {"wx1", "wx0123456789abcdef,wx0123456789abcdef"},
		"browser.session_idle":          {"0s", "59s", "8761h"},
		"browser.session_absolute":      {"0s", "59s", "8761h"},
		"session.limit":                 {"", "-1", "10001", "1.5", "many"},
		"password.address_attempts":     {"-1", "1000001"},
		"pages.name":                    {strings.Repeat("名", 41), " a", "a@b", "\u202eknaB"},
		"pages.logo":                    {"settings.go", "none.svg", "."},
		"pages.scopes":                  {"settings.go", "none.json", "."},
		"pages.language":                {"", "de"},
		"pages.colors":                  {"accent=#07c160", "accent=red", "accent"},
		"pages.dark_colors":             {"accent=#0d6b4f", "accent=red"},
		"pages.terms_url":               {"http://example.com", "javascript:alert(1)", "/terms"},
		"pages.privacy_url":             {"http://example.com", "javascript:alert(1)", "/privacy"},
		"pages.terms_version":           {"", "1 2", strings.Repeat("1", 33)},
		"audit.retention":               {"", "-1h", "59m", "87601h", "180"},
		"metrics.addr":                  {"9090", ":9090", "127.0.0.1:http", "127.0.0.1"},
		"log.level":                     {"", "loud", "INFO+2"}, "log.format": {"", "xml"},
	}
	maps.Copy(tests, invalidScans)
	for _, s := range table() {
		require.NotEmpty(t, tests[s.key], "no test has invalid values of %s", s.key)
		for _, value := range tests[s.key] {
			t.Run(s.key+"="+value, func(t *testing.T) {
				t.Setenv(s.variable(), value)
				_, err := parsed(t)
				require.ErrorContains(t, err, s.key+" ("+s.variable()+"): ")
				require.ErrorContains(t, err, "allowed: "+s.usage)
			})
		}
	}
}

func TestTheAuditLogIsKeptForAtLeast180DaysUnlessAnOperatorInsists(t *testing.T) {
	for value, early := range map[string]bool{"4320h": false, "4319h": true, "1h": true, "0s": false, "87600h": false} {
		c, err := parsed(t, "--audit-retention", value)
		require.NoError(t, err)
		require.Equal(t, early, c.ForgetsEarly(), value)
	}
}

func TestIssuerIsHTTPSUnlessNobodyElseCanListen(t *testing.T) {
	for _, test := range []struct {
		issuer           string
		allowed          bool
		allowedInsecure  bool
		everybodyListens bool
	}{
		{"https://login.example.com", true, true, false},
		{"http://127.0.0.1:8080", true, true, false},
		{"http://[::1]:8080", true, true, false},
		{"http://localhost:8080", true, true, false},
		{"http://192.168.1.20:8080", false, true, true},
		{"http://10.0.0.1", false, true, true},
		{"http://203.0.113.7", false, false, false},
		{"http://login.example.com", false, false, false},
		{"http://192.168.1.20.example.com", false, false, false},
		{"", false, false, false},
	} {
		require.Equal(t, test.allowed, CheckIssuer(Settings{Issuer: test.issuer}) == nil, test.issuer)
		require.Equal(t, test.allowedInsecure,
			CheckIssuer(Settings{Issuer: test.issuer, AllowInsecureHTTP: true}) == nil, test.issuer)
		require.Equal(t, test.everybodyListens, Settings{Issuer: test.issuer}.Insecure(), test.issuer)
	}
}

// invalidScans are invalid values of the settings of scans.
var invalidScans = map[string][]string{
	"browser.scan": {"yes"}, "browser.scan_number": {"", "Choose", "none"}, "browser.scan_app": {"wx1"},
	"browser.scan_link_app": {"wx1"},
	"browser.scan_page":     {"/pages/scan", "a?b"}, "browser.scan_env_version": {"beta"},
	"browser.scan_check_path": {"1.0"}, "browser.scan_places": {"none.mmdb", "."},
}
