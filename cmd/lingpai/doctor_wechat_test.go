package main

import (
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestDoctorAsksWeChatOnceAboutEachApp(t *testing.T) {
	t.Parallel()
	o, simulator := healthy(t)
	order := func(path, body string) {
		require.Equal(t, http.StatusOK, postJSON(t, simulator+path, body).status)
	}
	requireFinding(t, o.examined(), "apps", statusOK, appID+": the simulator at "+simulator+" accepts", "")
	paths := get(t, simulator+"/_sim/requests").members["paths"].(map[string]any)
	require.EqualValues(t, 1, paths["/sns/jscode2session"])

	order("/_sim/allow_list", `{"appid":"`+appID+`","addresses":["203.0.113.7"]}`)
	requireFinding(t, o.examined(), "apps", statusFault,
		appID+": calls from this machine's address 127.0.0.1 are not allowed (errcode 40164)",
		"address 127.0.0.1 to the IP allow-list")
	order("/_sim/allow_list", `{"appid":"`+appID+`","addresses":[]}`)
	order("/_sim/faults", `{"path":"/sns/jscode2session","errcode":45011}`)
	requireFinding(t, o.examined(), "apps", statusWarning, "errcode 45011", "lingpai apps test "+appID)
	order("/_sim/faults", `{"path":"/sns/jscode2session","drop":true}`)
	requireFinding(t, o.examined(), "apps", statusFault, "gives no usable answer: connection closed",
		"lingpai apps test "+appID)
	order("/_sim/faults", `{"path":"/sns/jscode2session","errcode":40243}`)
	requireFinding(t, o.examined(), "apps", statusFault, "rejects the AppSecret, which is frozen (errcode 40243)",
		"console")
	order("/_sim/faults", `{"path":"/sns/jscode2session","errcode":59999}`)
	requireFinding(t, o.examined(), "apps", statusFault, "gives no usable answer: errcode 59999",
		"lingpai apps test "+appID)

	o.okWith("simulator-of-somebody-else", "apps", "rotate-secret", appID)
	o.okWith(simSecret, "apps", "add", "wx1111111111111111")
	findings := o.examined()
	requireFinding(t, findings, "apps", statusFault, appID+": the AppSecret is wrong (errcode 40125)",
		"lingpai apps rotate-secret "+appID)
	requireFinding(t, findings, "apps", statusFault, "wx1111111111111111: WeChat rejects the AppID (errcode 40013)",
		"there is no such AppID")
}

func TestDoctorSendsSecretsOnlyWhereTheyBelong(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	somebody := newRecorder(t)
	o.okWith(realSecret, "apps", "add", "wx1111111111111111")
	findings := o.with("LINGPAI_WECHAT_BASE_URL=" + somebody.URL).examined()
	requireFinding(t, findings, "apps", statusFault,
		"wx1111111111111111: its AppSecret is real, so it is not sent to a simulator",
		"lingpai apps rotate-secret wx1111111111111111")
	_, sent := somebody.record()
	require.NotContains(t, sent, realSecret)

	findings = o.with("LINGPAI_WECHAT_BASE_URL=https://api.weixin.qq.com").examined()
	requireFinding(t, findings, "wechat", statusFault, "https://api.weixin.qq.com cannot be reached", "HTTPS_PROXY")
	requireFinding(t, findings, "apps", statusFault, appID+": its AppSecret is for a simulator",
		"lingpai apps rotate-secret "+appID)
	requireFinding(t, findings, "apps", statusSkipped,
		"wx1111111111111111: master_key decrypts its AppSecret; it was not tested, since WeChat cannot be reached", "")
}

// misdated returns the URL of a server whose clock is ahead, and which answers like WeChat to an invalid code.
func misdated(t *testing.T, ahead time.Duration) string {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Date", time.Now().Add(ahead).UTC().Format(http.TimeFormat))
		_, _ = w.Write([]byte(`{"errcode":40029,"errmsg":"invalid code"}`))
	}))
	t.Cleanup(server.Close)
	return server.URL
}

func TestDoctorComparesClocks(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	for _, test := range []struct {
		ahead  time.Duration
		status string
		text   string
	}{
		{time.Second, statusOK, "this machine's clock agrees with the clock of the simulator at "},
		{30 * time.Second, statusWarning, "s behind the clock of the simulator at "},
		{-10 * time.Minute, statusFault, "m0s ahead of the clock of the simulator at "},
	} {
		findings := o.with("LINGPAI_WECHAT_BASE_URL=" + misdated(t, test.ahead)).examined()
		advice := ""
		if test.status != statusOK {
			advice = "NTP"
		}
		requireFinding(t, findings, "clock", test.status, test.text, advice)
		requireFinding(t, findings, "apps", statusOK, appID+": the simulator at ", "")
	}
}

// TestDoctorLooksAtTheAppsForBrowsers: whether they are there, of a kind that has pages, and can send browsers back.
func TestDoctorLooksAtTheAppsForBrowsers(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	const website = "wx2222222222222222"
	o = o.with("LINGPAI_BROWSER_WECHAT_APPS=" + website)
	requireFinding(t, o.examined(), "apps", statusFault, website+": it is in browser.wechat_apps, but not registered",
		"lingpai apps add "+website)
	o.okWith(simSecret, "apps", "add", website, "--kind", "website")
	requireFinding(t, o.examined(), "apps", statusOK, website+": browsers come back from WeChat to ", "")
	requireFinding(t, o.with("LINGPAI_SERVER_ISSUER=https://id.example.com:8443").examined(), "apps", statusFault,
		"(10003), and server.issuer has the port 8443", "port of https")
	requireFinding(t, o.with("LINGPAI_BROWSER_WECHAT_APPS="+appID).examined(), "apps", statusFault,
		"of the kind mini-program", "LINGPAI_BROWSER_WECHAT_APPS")
}

// TestDoctorNotesThatAnOfficialAccountHasNoFile, which is no fault, since the host may be registered already.
func TestDoctorNotesThatAnOfficialAccountHasNoFile(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	const account, website = "wx3333333333333333", "wx2222222222222222"
	o.okWith(simSecret, "apps", "add", account, "--kind", "official-account")
	o.okWith(simSecret, "apps", "add", website, "--kind", "website")
	o = o.with("LINGPAI_SERVER_ISSUER=https://id.example.com")
	both := o.with("LINGPAI_BROWSER_WECHAT_APPS=" + account + "," + website)
	note := "note: " + account + ": until id.example.com is registered for it, WeChat looks there for a file " +
		"MP_verify_….txt, and browser.wechat_files has none"
	requireFinding(t, both.examined(), "apps", statusOK, note, "")
	folder := filepath.Join(o.folder, "wechat")
	require.NoError(t, os.Mkdir(folder, 0o700))
	o.write("wechat/AbC123.txt", "AbC123")
	both = both.with("LINGPAI_BROWSER_WECHAT_FILES=" + folder)
	requireFinding(t, both.examined(), "apps", statusOK, note, "")

	for name, other := range map[string]*operator{
		"no official account":       o.with("LINGPAI_BROWSER_WECHAT_APPS=" + website),
		"on loopback":               both.with("LINGPAI_SERVER_ISSUER=http://127.0.0.1:8080"),
		"a folder that is not read": both.with("LINGPAI_BROWSER_WECHAT_FILES=" + filepath.Join(folder, "none")),
	} {
		requireNoNote(t, other, name)
	}
	o.write("wechat/MP_verify_AbC123.txt", "AbC123")
	requireNoNote(t, both, "the file is there")
}

// requireNoNote requires that the doctor says nothing of files for WeChat.
func requireNoNote(t *testing.T, o *operator, why string) {
	t.Helper()
	for _, f := range o.examined() {
		require.NotContains(t, f.Found, "MP_verify_….txt", why)
	}
}

// TestDoctorLooksAtTheAppsOfScans: whether they are there, mini-programs, and used.
func TestDoctorLooksAtTheAppsOfScans(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	const website = "wx2222222222222222"
	o.okWith(simSecret, "apps", "add", website, "--kind", "website")
	scanning := o.with("LINGPAI_BROWSER_SCAN=true")
	for key, use := range map[string]string{"scan_app": "codes on pages open it",
		"scan_link_app": "browsers on phones open it in WeChat"} {
		variable := "LINGPAI_BROWSER_" + strings.ToUpper(key)
		requireFinding(t, scanning.with(variable+"=wx3333333333333333").examined(), "apps", statusFault,
			"browser."+key+", but not registered", "lingpai apps add wx3333333333333333")
		requireFinding(t, scanning.with(variable+"="+website).examined(), "apps", statusFault, "no mini-program",
			variable)
		requireFinding(t, scanning.with(variable+"="+appID).examined(), "apps", statusOK, appID+": "+use, "")
		requireFinding(t, o.with(variable+"="+appID).examined(), "apps", statusWarning, "browser.scan is off",
			"LINGPAI_BROWSER_SCAN")
	}
}
