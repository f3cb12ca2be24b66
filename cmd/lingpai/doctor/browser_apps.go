package doctor

import (
	"net/url"
	"slices"
	"strings"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server/settings"
)

// judgeBrowserApps reports whether users can sign in in a browser with the apps that are configured for it.
func (r *report) judgeBrowserApps(c settings.Settings, apps []identity.App) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" {
		return // has been reported
	}
	r.judgeScanApp(c, apps, scanApp{c.ScanApp, "browser.scan_app", "codes on pages open it"})
	r.judgeScanApp(c, apps, scanApp{c.ScanLinkApp, "browser.scan_link_app", "browsers on phones open it in WeChat, " +
		"which allows that for published mini-programs that do not belong to a person"})
	for _, id := range c.WechatApps {
		n := slices.IndexFunc(apps, func(app identity.App) bool { return app.ID == id })
		switch {
		case n < 0:
			r.fault(id+": it is in browser.wechat_apps, but not registered",
				"add it with: lingpai apps add "+id+" --kind website, or --kind official-account")
		case !apps[n].InBrowser():
			r.fault(id+": it is in browser.wechat_apps, but nobody can sign in in a browser with an app of the kind "+
				apps[n].Kind, "take it out of browser.wechat_apps (LINGPAI_BROWSER_WECHAT_APPS)")
		case issuer.Port() != "" && !settings.IsLoopback(issuer.Hostname()):
			r.fault(id+": WeChat sends browsers back to hosts without a port only (10003), and server.issuer has the "+
				"port "+issuer.Port(), "serve the issuer at the port of https")
		default:
			r.ok(id + ": browsers come back from WeChat to " + issuer.Hostname() + ", which must be registered for " +
				"the app there")
		}
	}
}

// noteWechatFiles tells what WeChat needs before it registers the host for an official account. Only WeChat knows
// whether it has done so, and another server may have the file.
func (r *report) noteWechatFiles(c settings.Settings, apps []identity.App) {
	issuer, err := url.Parse(c.Issuer)
	if err != nil || issuer.Host == "" || settings.IsLoopback(issuer.Hostname()) {
		return
	}
	for name := range c.WechatFiles {
		if strings.HasPrefix(name, "MP_verify_") {
			return
		}
	}
	for _, app := range apps {
		if app.Kind == identity.KindOfficialAccount && slices.Contains(c.WechatApps, app.ID) {
			r.ok("note: " + app.ID + ": until " + issuer.Hostname() + " is registered for it, WeChat looks there for " +
				"a file MP_verify_….txt, and browser.wechat_files has none")
		}
	}
}

// scanApp is a mini-program in which users approve the sign-in of a screen.
type scanApp struct{ id, setting, use string }

// judgeScanApp reports whether WeChat can make codes or links that open a mini-program.
func (r *report) judgeScanApp(c settings.Settings, apps []identity.App, of scanApp) {
	n := slices.IndexFunc(apps, func(app identity.App) bool { return app.ID == of.id })
	variable := "LINGPAI_" + strings.ToUpper(strings.ReplaceAll(of.setting, ".", "_"))
	switch {
	case of.id == "":
	case n < 0:
		r.fault(of.id+": it is "+of.setting+", but not registered", "add it with: lingpai apps add "+of.id)
	case apps[n].Kind != identity.KindMiniProgram:
		r.fault(of.id+": it is "+of.setting+", but no mini-program", "name a mini-program in "+of.setting+
			" ("+variable+")")
	case !c.Scan:
		r.warning(of.id+": it is "+of.setting+", but browser.scan is off", "set browser.scan to true "+
			"(LINGPAI_BROWSER_SCAN)")
	default:
		r.ok(of.id + ": " + of.use)
	}
}
