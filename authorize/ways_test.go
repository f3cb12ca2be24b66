package authorize

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// TestEnvironments are User-Agent headers as browsers send them.
func TestEnvironments(t *testing.T) {
	t.Parallel()
	const (
		android = "Mozilla/5.0 (Linux; Android 14; 23127PN0CC Build/UKQ1; wv) AppleWebKit/537.36 (KHTML, like Gecko) " +
			"Version/4.0 Chrome/116.0.0.0 Mobile Safari/537.36"
		iPhone = "Mozilla/5.0 (iPhone; CPU iPhone OS 17_2 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) " +
			"Mobile/15E148"
		windows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 " +
			"Safari/537.36"
		mac     = "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko)"
		wechat  = " MicroMessenger/8.0.63.2860(0x28003F51) NetType/WIFI Language/zh_CN"
		within  = " miniProgram/wx0123456789abcdef"
		weCom   = " wxwork/4.1.30 MicroMessenger/7.0.1"
		onPC    = " MicroMessenger/7.0.20.1781(0x6700143B) NetType/WIFI WindowsWechat(0x63090a13) XWEB/18163"
		harmony = "Mozilla/5.0 (Phone; OpenHarmony 5.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/132.0.0.0 " +
			"Safari/537.36 ArkWeb/6.0 Mobile"
	)
	for userAgent, want := range map[string]Environment{
		"": Desktop, windows: Desktop, mac + " Version/26.0 Safari/605.1.15": Desktop, "curl/8.5.0": Desktop,
		android: Phone, iPhone + " Safari/604.1": Phone, harmony: Phone, iPhone: Phone,
		strings.Replace(android, " Mobile", "", 1):                    Desktop, // a tablet
		strings.Replace(iPhone, "iPhone; CPU iPhone", "iPad; CPU", 1): Desktop,
		android + wechat: InWechat, iPhone + wechat: InWechat, windows + onPC: InWechat,
		strings.Replace(iPhone, "iPhone; CPU iPhone", "iPad; CPU", 1) + wechat: InWechat,
		android + wechat + within: InMiniProgram, iPhone + wechat + within: InMiniProgram,
		windows + onPC + within: InMiniProgram, android + within: InMiniProgram,
		android + weCom: Phone, iPhone + weCom: Phone, windows + weCom: Desktop,
		android + weCom + within:                   InMiniProgram,
		android + " AlipayClient/10.5 MiniProgram": Phone, // another platform's
	} {
		require.Equal(t, want, EnvironmentOf(userAgent), userAgent)
	}
}

// TestWaysIn is the table of what is offered, by where the browser is and by what is possible there or elsewhere.
func TestWaysIn(t *testing.T) {
	t.Parallel()
	apps := map[string]identity.App{"website": {ID: "website", Kind: identity.KindWebsite},
		"account": {ID: "account", Kind: identity.KindOfficialAccount}}
	for name, c := range map[string]struct {
		environment Environment
		possible    string
		want        string // in order; "press" and "open" are scan, and "website*" has a frame
		hint        Hint
	}{
		"desktop":                    {Desktop, "password scan website account", "scan website password", HintNone},
		"desktop, framed":            {Desktop, "password website account frame", "password website*", HintNone},
		"desktop, both":              {Desktop, "password scan website frame", "scan website* password", HintNone},
		"desktop, scans":             {Desktop, "password scan", "scan password", HintNone},
		"desktop, a website app":     {Desktop, "password website", "password website", HintNone},
		"desktop, an account":        {Desktop, "password account frame", "password", HintWechat},
		"desktop, a password":        {Desktop, "password frame", "password", HintNone},
		"desktop, no password":       {Desktop, "website account", "website", HintNone},
		"desktop, nothing":           {Desktop, "account", "", HintWechat},
		"desktop, nothing anywhere":  {Desktop, "", "", HintBrowser},
		"phone":                      {Phone, "password scan website account frame", "password", HintBoth},
		"phone, scans":               {Phone, "password scan", "password", HintBoth},
		"phone, a website app":       {Phone, "password website frame", "password", HintDesktop},
		"phone, an account":          {Phone, "password account", "password", HintWechat},
		"phone, a password":          {Phone, "password", "password", HintNone},
		"phone, no password":         {Phone, "website account", "", HintBoth},
		"phone, nothing anywhere":    {Phone, "", "", HintBrowser},
		"phone, opens WeChat":        {Phone, "password scan open website account", "open password", HintNone},
		"phone, opens it only":       {Phone, "scan open", "open", HintNone},
		"phone, no scans":            {Phone, "password open account", "password", HintWechat},
		"desktop, a phone opens":     {Desktop, "password scan open", "scan password", HintNone},
		"WeChat, a phone opens":      {InWechat, "password scan open account", "account password", HintNone},
		"WeChat, a phone opens it":   {InWechat, "password scan open", "password press", HintNone},
		"web-view, a phone opens":    {InMiniProgram, "password scan open", "password", HintMiniProgram},
		"WeChat":                     {InWechat, "password scan website account frame", "account password", HintNone},
		"WeChat, no account":         {InWechat, "password scan website frame", "password press", HintNone},
		"WeChat, a website app":      {InWechat, "password website frame", "password", HintDesktop},
		"WeChat, a password":         {InWechat, "password", "password", HintNone},
		"WeChat, no password":        {InWechat, "account website", "account", HintNone},
		"WeChat, nothing":            {InWechat, "website", "", HintDesktop},
		"web-view":                   {InMiniProgram, "password scan website account", "password", HintMiniProgram},
		"web-view, no app":           {InMiniProgram, "password", "password", HintMiniProgram},
		"web-view, no password":      {InMiniProgram, "website account", "", HintMiniProgram},
		"web-view, not with WeChat":  {InMiniProgram, "password no-wechat", "password", HintNone},
		"web-view, nothing anywhere": {InMiniProgram, "no-wechat", "", HintBrowser},
	} {
		t.Run(name, func(t *testing.T) {
			p := possible{wechat: true}
			for _, word := range strings.Fields(c.possible) {
				switch word {
				case "password":
					p.password = true
				case "scan":
					p.scan = true
				case "open":
					p.open = true
				case "frame":
					p.frame = true
				case "no-wechat":
					p.wechat = false
				default:
					p.apps = append(p.apps, apps[word])
				}
			}
			ways := waysIn(c.environment, p)
			require.Equal(t, c.want, inOrder(ways))
			require.Equal(t, c.hint, ways.Hint)
		})
	}
}

// inOrder returns ways as the table of TestWaysIn has them.
func inOrder(ways Ways) string {
	var words []string
	for _, way := range ways.List {
		word := map[string]string{identity.MethodPassword: "password", identity.MethodScan: "scan",
			identity.PlatformWechat: way.App.ID}[way.Method]
		switch {
		case way.Method == identity.MethodScan && ways.Press:
			word = "press"
		case way.Method == identity.MethodScan && ways.Open:
			word = "open"
		case way.Frame:
			word += "*"
		}
		words = append(words, word)
	}
	return strings.Join(words, " ")
}
