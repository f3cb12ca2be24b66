package doctor

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/server"
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
		d.report.ok("none: nobody can sign in through WeChat or QQ; to add one: lingpai apps add")
	}
	for _, app := range apps {
		if ctx.Err() != nil {
			return
		}
		d.checkApp(ctx, app)
	}
	d.report.judgeBrowserApps(d.settings, apps)
	if !d.faulty("browser.wechat_files") {
		d.report.noteWechatFiles(d.settings, apps)
	}
}

// checkApp decrypts the AppSecret, and lets the platform check it unless that is known to fail.
func (d *doctor) checkApp(ctx context.Context, listed identity.App) {
	app, err := within(ctx, func(ctx context.Context) (identity.App, error) {
		return server.GuardApps(d.database.Apps(), d.settings).Find(ctx, listed.Platform, listed.ID)
	})
	rotate := "set it with: lingpai apps rotate-secret " + listed.ID
	switch {
	case errors.Is(err, keys.ErrUnknownMasterKey), errors.Is(err, keys.ErrSealBroken):
		d.report.fault(listed.ID+": master_key does not decrypt its AppSecret",
			"append the master key that encrypted it to master_key (LINGPAI_MASTER_KEY), or "+
				"take the AppSecret from the platform's console and "+rotate)
	case errors.Is(err, identity.ErrUnusable):
		d.report.fault(listed.ID+": its AppSecret is real, so it is not sent to a simulator",
			fmt.Sprintf("unset %s.base_url (LINGPAI_%s_BASE_URL)", listed.Platform,
				strings.ToUpper(listed.Platform))+", or choose a secret that begins with "+wechattest.SecretPrefix+
				" and "+rotate)
	case err != nil:
		d.report.fault(listed.ID+": cannot be read: "+d.report.words(err), checkDatabaseURL)
	case !d.settings.IsSimulated(app.Platform) && strings.HasPrefix(app.Secret.Reveal(), wechattest.SecretPrefix):
		d.report.fault(app.ID+": its AppSecret is for a simulator, so the platform rejects it",
			"take the AppSecret from the platform's console and "+rotate)
	case app.Platform == identity.PlatformWechat && !d.wechat.answers:
		d.report.skipped(app.ID + ": master_key decrypts its AppSecret; it was not tested, since " +
			d.describePlatform() +
			" cannot be reached")
	default:
		d.tryApp(ctx, app)
	}
}

// tryApp does what "lingpai apps test" does.
func (d *doctor) tryApp(ctx context.Context, app identity.App) {
	c := d.settings
	c.WechatTimeout = min(c.WechatTimeout, AnswerTime)
	platforms, err := server.OpenPlatforms(c, slog.New(slog.DiscardHandler))
	if err != nil {
		d.report.fault(app.ID+": "+err.Error(),
			"check wechat.base_url (LINGPAI_WECHAT_BASE_URL) and qq.base_url (LINGPAI_QQ_BASE_URL)")
		return
	}
	defer platforms.Close()
	d.report.judgeApp(app.ID, c.DescribePlatform(app.Platform), admin.TryApp(ctx, platforms.Of(app), app))
}

// judgeApp reports the result of [admin.TryApp].
func (r *report) judgeApp(id, who string, err error) {
	refusal, isRefused := errors.AsType[admin.AppRefusedError](err)
	failed, _ := errors.AsType[*wechat.Error](err)
	switch {
	case err == nil:
		r.ok(id + ": " + who + " accepts the AppID, the AppSecret and this machine's address")
	case isRefused:
		r.fault(id+": "+refusal.Error(), refusal.Remedy())
	case errors.Is(err, wechat.ErrThrottled):
		r.warning(fmt.Sprintf("%s: not tested, since the app has used up its calls for now (errcode %d)",
			id, failed.Errcode),
			fmt.Sprintf("wait %s, then run: lingpai apps test %s", short(failed.RetryAfter), id))
	default:
		r.fault(id+": "+who+" gives no usable answer: "+terminal.OrDash(reasonOf(failed)),
			"try again with: lingpai apps test "+id)
	}
}

func reasonOf(failed *wechat.Error) string {
	switch {
	case failed == nil:
		return ""
	case failed.Errcode != 0:
		return fmt.Sprintf("errcode %d", failed.Errcode)
	}
	return failed.Reason
}
