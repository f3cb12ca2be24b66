package authorize

import (
	"context"
	"slices"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/signin"
)

// Ways are the ways to sign in that a browser is offered.
type Ways struct {
	List  []Way // what stands first is first
	Press bool  // see [Environment.Presses]
	Open  bool  // codes are not scanned: the browser opens WeChat on the same phone
	Hint  Hint
}

// Way is a way to sign in.
type Way struct {
	Method string       // identity.MethodPassword, identity.MethodScan or identity.PlatformWechat
	App    identity.App // whose page at WeChat it is
	Frame  bool         // which is also shown in a frame
}

// Hint is where to sign in for those who cannot here.
type Hint string

// The hints.
const (
	HintNone        Hint = ""
	HintMiniProgram Hint = "mini_program"      // not in its web-view, but in the mini-program itself
	HintWechat      Hint = "wechat"            // in WeChat
	HintDesktop     Hint = "desktop"           // on a computer
	HintBoth        Hint = "wechat_or_desktop" // either
	HintBrowser     Hint = "browser"           // in another browser: there is nothing here, and nothing known elsewhere
)

// possible is what a request may be answered after, in one browser or another.
type possible struct {
	password, scan bool
	open           bool           // a phone's browser can open WeChat to approve
	wechat         bool           // a sign-in at WeChat, with a mini-program as well
	apps           []identity.App // whose pages at WeChat would do
	frame          bool           // the operator wants the one of the website app in a frame
}

// waysIn returns the ways in an environment. The page of a website app is of no use on a phone, which cannot scan its
// own screen, and WeChat refuses it in its own browser, as it refuses that of an official account anywhere else. A
// web-view opens none of them. A browser on a phone opens WeChat instead, if it can. Those who are in WeChat press a
// code only if there is nothing better; the password stands above it, because nobody here knows whether WeChat opens a
// mini-program for it.
func waysIn(e Environment, p possible) Ways {
	website, account := p.at(identity.KindWebsite), p.at(identity.KindOfficialAccount)
	scan, password := when(p.scan, identity.MethodScan), when(p.password, identity.MethodPassword)
	if len(website) > 0 {
		website[0].Frame = p.frame
	}
	ways := Ways{List: password, Press: e.Presses(), Open: p.opens(e), Hint: p.hint(e)}
	switch {
	case e == Desktop && p.scan:
		ways.List = slices.Concat(scan, website, password)
	case e == Desktop:
		ways.List = slices.Concat(password, website)
	case ways.Open:
		ways.List = slices.Concat(scan, password)
	case e == InWechat && len(account) > 0:
		ways.List = slices.Concat(account, password)
	case e == InWechat:
		ways.List = slices.Concat(password, scan)
	}
	return ways
}

// opens reports whether WeChat can be opened from an environment.
func (p possible) opens(e Environment) bool { return e == Phone && p.scan && p.open }

// hint returns the hint for an environment. There is none where there is more than a password.
func (p possible) hint(e Environment) Hint {
	onDesktop := p.scan || len(p.at(identity.KindWebsite)) > 0
	inWechat := p.scan || len(p.at(identity.KindOfficialAccount)) > 0
	switch {
	case e == InMiniProgram && p.wechat:
		return HintMiniProgram
	case e == Desktop && onDesktop || e == InWechat && inWechat || p.opens(e):
		return HintNone
	case onDesktop && inWechat:
		return HintBoth
	case onDesktop:
		return HintDesktop
	case inWechat:
		return HintWechat
	case !p.password:
		return HintBrowser
	}
	return HintNone
}

// at returns the ways with apps of a kind.
func (p possible) at(kind string) (ways []Way) {
	for _, app := range p.apps {
		if app.Kind == kind {
			ways = append(ways, Way{Method: identity.PlatformWechat, App: app})
		}
	}
	return ways
}

// when returns the way with a method if it is possible.
func when(possible bool, method string) []Way {
	if !possible {
		return nil
	}
	return []Way{{Method: method}}
}

// Ways returns the ways for a request, in a browser with a User-Agent header.
func (w *Wechat) Ways(ctx context.Context, r Request, userAgent string) Ways {
	classes := w.config.Service.classes
	p := possible{password: r.accepts(classes[identity.MethodPassword]), scan: w.config.Scans.Offers(r),
		open: w.config.Scans.OpensWechat(), wechat: r.accepts(classes[identity.PlatformWechat]), frame: w.config.Frame}
	if p.wechat {
		p.apps = w.apps(ctx)
	}
	return waysIn(EnvironmentOf(userAgent), p)
}

// apps returns the apps with which users may sign in, without those that the store does not return.
func (w *Wechat) apps(ctx context.Context) (apps []identity.App) {
	for _, id := range w.config.AppIDs {
		app, err := signin.FindApp(ctx, w.config.Apps, identity.PlatformWechat, id)
		if err != nil {
			w.config.Service.logger.WarnContext(ctx, "an app of browser.wechat_apps cannot be offered", "appid", id,
				"error", err)
			continue
		}
		apps = append(apps, app)
	}
	return apps
}
