package main

import (
	"context"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/provider"
)

func pushAppCommand() *cobra.Command {
	var change admin.PushChange
	var off bool
	cmd := completeArguments(operate(&cobra.Command{
		Use: "push APPID", SuggestFor: []string{"pushes", "message-push", "webhook"},
		Short: "Let WeChat push messages about an app, and print what to enter there",
		Long: `Let WeChat push messages about an app. WeChat uses them to report that a user has withdrawn permissions,
or has closed their WeChat account, and then you must delete their data. The server does this for what it stores.

The command makes a Token and an EncodingAESKey, stores them encrypted with the master key, and prints what to enter
in WeChat's console. If they exist already, it prints them again. With --rotate it makes new ones, and the former ones
are accepted for seven days, so that you have time to enter the new ones.`,
		Example: "  lingpai apps push wx0123456789abcdef\n  lingpai apps push wx0123456789abcdef --rotate\n" +
			"  lingpai apps push wx0123456789abcdef --off",
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		pushes := admin.NewPushes(o.apps(), o.database.Apps().Pushes())
		if off {
			if err := pushes.Remove(ctx, o.actor, args[0]); err != nil {
				return err
			}
			say(cmd, "pushes about %s are refused from now on; remove them at WeChat, too\n", args[0])
			return printResult(cmd, members{"appid": args[0], "removed": true})
		}
		if o.config.Issuer == "" {
			return errors.New("WeChat needs the whole URL of the server: set server.issuer (LINGPAI_SERVER_ISSUER)")
		}
		if err := o.checkMasterKey(ctx); err != nil {
			return err
		}
		app, err := o.apps().Find(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		push, err := pushes.Set(ctx, o.actor, args[0], change)
		if err != nil {
			return err
		}
		return printPush(cmd, o.config.Issuer+provider.WechatPushPath+push.App, app, push)
	}), 1, appCandidates)
	cmd.Flags().StringVar(&change.Mode, "mode", "", "how WeChat sends messages: secure, or, if another program "+
		"reads the same messages, compatible or plain, which does not protect them (default: the present "+
		"mode, or secure)")
	cmd.Flags().BoolVar(&change.Rotate, "rotate", false, "make a new Token and a new EncodingAESKey")
	cmd.Flags().BoolVar(&off, "off", false, "delete the Token and the EncodingAESKey")
	cmd.MarkFlagsMutuallyExclusive("off", "mode")
	cmd.MarkFlagsMutuallyExclusive("off", "rotate")
	limitChoices(cmd, "mode", identity.PushModes()...)
	return cmd
}

// nameOfMode are the modes as WeChat's console calls them.
var nameOfMode = map[string]string{identity.PushSecure: "安全模式 (security mode)",
	identity.PushCompatible: "兼容模式 (compatibility mode)", identity.PushPlain: "明文模式 (plain text mode)"}

// pushConsoles are the pages of WeChat where pushes are set, by the kind of app.
var pushConsoles = map[string]string{
	identity.KindMiniProgram:     "https://mp.weixin.qq.com: 管理, 开发管理, 消息推送配置",
	identity.KindOfficialAccount: "https://developers.weixin.qq.com/platform: 我的业务, 服务号, 消息与事件推送",
	identity.KindWebsite:         "https://open.weixin.qq.com: 管理中心, 网站应用, 消息推送",
	identity.KindMobileApp:       "https://open.weixin.qq.com: 管理中心, 移动应用, 开发配置, 消息推送",
}

func printPush(cmd *cobra.Command, url string, app identity.App, push identity.Push) error {
	say(cmd, "Enter at %s:\n\n", pushConsoles[app.Kind])
	for _, row := range [][2]string{{"URL (服务器地址)", url}, {"Token (令牌)", push.Keys.Token.Reveal()},
		{"EncodingAESKey", push.Keys.EncodingAESKey.Reveal()}, {"消息加解密方式", nameOfMode[push.Mode]},
		{"数据格式", "JSON"}} {
		say(cmd, "  %s\n      %s\n", row[0], row[1])
	}
	say(cmd, "\nWeChat then verifies the URL, from the internet and at port 80 or 443 only; lingpai doctor shows "+
		"whether it has.\n")
	result := members{"appid": push.App, "url": url, "token": push.Keys.Token.Reveal(),
		"encoding_aes_key": push.Keys.EncodingAESKey.Reveal(), "mode": push.Mode, "data_format": "json"}
	if !push.FormerUntil.IsZero() {
		result["former_until"] = push.FormerUntil.UTC().Format(time.RFC3339)
		say(cmd, "The former Token and EncodingAESKey are accepted until %s.\n", moment(push.FormerUntil))
	}
	return printResult(cmd, result)
}
