package doctor

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/server/settings"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func (d *doctor) checkApps(ctx context.Context) {
	apps, err := within(ctx, d.database.Apps().List)
	if err != nil {
		d.report.fault("cannot be listed: "+d.report.words(err), checkDatabaseURL)
		return
	}
	if len(apps) == 0 {
		d.report.ok("none: nobody can sign in through WeChat or QQ; one is added with: lingpai apps add")
	}
	for _, app := range apps {
		if ctx.Err() != nil {
			return
		}
		d.checkApp(ctx, app)
	}
}

// checkApp opens the AppSecret, and lets WeChat try it, unless that is known to fail.
func (d *doctor) checkApp(ctx context.Context, listed identity.App) {
	app, err := within(ctx, func(ctx context.Context) (identity.App, error) {
		return server.GuardApps(d.database.Apps(), d.settings).Find(ctx, listed.Platform, listed.ID)
	})
	rotate := "give it anew with: lingpai apps rotate-secret " + listed.ID
	switch {
	case errors.Is(err, keys.ErrUnknownMasterKey), errors.Is(err, keys.ErrSealBroken):
		d.report.fault(listed.ID+": master_key does not open its AppSecret",
			"add the master key that sealed it to master_key (LINGPAI_MASTER_KEY) behind the first, or "+
				"take the AppSecret from the platform's console and "+rotate)
	case errors.Is(err, identity.ErrUnusable):
		d.report.fault(listed.ID+": its AppSecret is a real one, which is not sent to a simulator",
			fmt.Sprintf("unset %s.base_url (LINGPAI_%s_BASE_URL)", listed.Platform,
				strings.ToUpper(listed.Platform))+", or take a secret that begins with "+wechattest.SecretPrefix+
				" and "+rotate)
	case err != nil:
		d.report.fault(listed.ID+": cannot be read: "+d.report.words(err), checkDatabaseURL)
	case !d.settings.Simulates(app.Platform) && strings.HasPrefix(app.Secret.Reveal(), wechattest.SecretPrefix):
		d.report.fault(app.ID+": its AppSecret is a simulator's, which its platform does not know",
			"take the AppSecret from the platform's console and "+rotate)
	case app.Platform == identity.PlatformWechat && !d.wechat.answers:
		d.report.skipped(app.ID + ": its AppSecret opens; not tried, since " + d.whoAnswers() + " cannot be reached")
	default:
		d.tryApp(ctx, app)
	}
}

// tryApp makes the call of "lingpai apps test". The address that WeChat saw is only in what the client logs.
func (d *doctor) tryApp(ctx context.Context, app identity.App) {
	var log bytes.Buffer
	c := d.settings
	c.WechatTimeout = min(c.WechatTimeout, AnswerTime)
	platforms, err := server.OpenPlatforms(c, slog.New(slog.NewJSONHandler(&log, nil)))
	if err != nil {
		d.report.fault(app.ID+": "+err.Error(),
			"check wechat.base_url (LINGPAI_WECHAT_BASE_URL) and qq.base_url (LINGPAI_QQ_BASE_URL)")
		return
	}
	defer platforms.Close()
	platform := platforms.Of(app)
	_, err = platform.Trade(ctx, app, "lingpai-doctor")
	var logged refusalLog
	_ = json.NewDecoder(&log).Decode(&logged) // nothing was logged if the code was all that is wrong
	d.report.judgeApp(app.ID, platform.Title(), WhoAnswers(d.settings, platform), err, logged)
}

// refusalLog is what the client logs beyond its error.
type refusalLog struct {
	Address string `json:"our_address"`
	Reason  string `json:"reason"`
}

func (r *report) judgeApp(id, title, who string, err error, logged refusalLog) {
	failed, _ := errors.AsType[*wechat.Error](err)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		r.ok(id + ": " + who + " accepts the AppID, the AppSecret and this machine's address")
	case errors.Is(err, wechat.ErrMisconfigured):
		r.fault(refusedApp(id, title, failed.Errcode, logged.Address))
	case errors.Is(err, wechat.ErrThrottled):
		r.warning(fmt.Sprintf("%s: not known, since the app's calls are used up for now (errcode %d)",
			id, failed.Errcode),
			fmt.Sprintf("wait %s and try: lingpai apps test %s", short(failed.RetryAfter), id))
	default:
		r.fault(id+": "+who+" gives no answer that can be used: "+terminal.OrDash(logged.Reason),
			"try again with: lingpai apps test "+id)
	}
}

// refusedApp says what WeChat has against an app, and how the operator sets it right.
func refusedApp(id, title string, errcode int, address string) (found, advice string) {
	found = fmt.Sprintf("%s: %s refuses the app (errcode %d)", id, title, errcode)
	switch errcode {
	case 40125:
		return fmt.Sprintf("%s: the AppSecret is wrong (errcode %d)", id, errcode),
			"take it from the mini-program's console and give it with: lingpai apps rotate-secret " + id
	case 40164:
		return fmt.Sprintf("%s: calls from this machine's address %s are not allowed (errcode %d)", id,
				address, errcode),
			"add " + address + " to the IP allow-list (IP白名单) in the mini-program's console"
	}
	return found, Remedy(errcode)
}

// WhoAnswers names who stands behind a platform's address.
func WhoAnswers(c settings.Settings, platform signin.Platform) string {
	if !c.Simulates(platform.Name()) {
		return platform.Title()
	}
	if platform.Name() == identity.PlatformQQ {
		return "the simulator at " + c.QQBaseURL
	}
	return "the simulator at " + c.WechatBaseURL
}

// Remedy is what to do about an errcode that the operator can help.
func Remedy(errcode int) string {
	switch errcode {
	case 40013:
		return "there is no such AppID: compare it with the mini-program's console"
	case 40125:
		return "the AppSecret is wrong: give the one from the mini-program's console with: lingpai apps rotate-secret"
	case 40164:
		return "this machine's address is not allowed: add our_address of the log line above to the IP " +
			"allow-list in the mini-program's console"
	}
	return "compare the app's settings in the mini-program's console"
}
