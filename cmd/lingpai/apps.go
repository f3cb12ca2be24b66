package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/wechattest"
)

func newAppsCommand() *cobra.Command {
	return group("apps", "WeChat apps whose codes can be traded", addAppCommand(), listAppsCommand(), rotateAppSecretCommand(),
		setOpenPlatformCommand(), testAppCommand())
}

func addAppCommand() *cobra.Command {
	var name, openPlatform string
	cmd := admin(&cobra.Command{
		Use:   "add APPID",
		Short: "Add a mini-program; its AppSecret comes from standard input or a file and is kept sealed",
		Example: `  lingpai apps add wx0123456789abcdef --name "My shop" < appsecret.txt
  lingpai apps add wx0123456789abcdef --secret-file appsecret.txt --open-platform main`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if !wechat.ValidAppID(args[0]) {
			return fmt.Errorf("%q is not an AppID: those are wx and 16 lower-case hexadecimal digits, shown in the mini-program's console", args[0])
		}
		secret, err := readAppSecret(ctx, cmd)
		if err != nil {
			return err
		}
		err = database.Apps().Add(ctx, identity.App{
			Platform: identity.PlatformWechat, ID: args[0], Kind: identity.KindMiniProgram, Name: name, Secret: secret, OpenPlatform: openPlatform,
		})
		if errors.Is(err, identity.ErrExists) {
			return fmt.Errorf("app %s is there already; to change its secret use: lingpai apps rotate-secret %s", args[0], args[0])
		}
		if err == nil {
			cmd.Printf("added %s; check it with: lingpai apps test %s\n", args[0], args[0])
		}
		return err
	})
	cmd.Flags().StringVar(&name, "name", "", "what people call the app")
	cmd.Flags().StringVar(&openPlatform, "open-platform", "", "a name of yours for the Open Platform account that the app is bound to; apps with the same name share unionids")
	return addSecretFlag(cmd)
}

// shownApp is what an operator is shown of an app.
type shownApp struct {
	ID           string `json:"appid"`
	Kind         string `json:"kind"`
	Name         string `json:"name,omitempty"`
	OpenPlatform string `json:"open_platform,omitempty"`
	CreatedAt    string `json:"created_at"`
}

func listAppsCommand() *cobra.Command {
	return addOutputFlag(admin(&cobra.Command{Use: "list", Short: "List all apps", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
			apps, err := database.Apps().List(ctx)
			if err != nil {
				return err
			}
			shown := make([]shownApp, len(apps))
			for n, a := range apps {
				shown[n] = shownApp{a.ID, a.Kind, a.Name, a.OpenPlatform, moment(a.CreatedAt)}
			}
			return printRows(cmd, shown, []string{"APPID", "KIND", "NAME", "OPEN PLATFORM", "ADDED"}, func(a shownApp) []string {
				return []string{a.ID, a.Kind, orDash(a.Name), orDash(a.OpenPlatform), a.CreatedAt}
			})
		}))
}

func rotateAppSecretCommand() *cobra.Command {
	return addSecretFlag(admin(&cobra.Command{
		Use: "rotate-secret APPID", Short: "Replace an app's AppSecret by the one that WeChat's console just made", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		secret, err := readAppSecret(ctx, cmd)
		if err != nil {
			return err
		}
		if err := database.Apps().SetSecret(ctx, identity.PlatformWechat, args[0], secret); err != nil {
			return unknown(err, "app", args[0])
		}
		cmd.Printf("replaced the AppSecret of %s; running servers use it within %s\n", args[0], clientAge)
		return nil
	}))
}

func setOpenPlatformCommand() *cobra.Command {
	return admin(&cobra.Command{
		Use: "set-open-platform APPID NAME", Short: "Say which Open Platform account an app was bound to; from then on its unionids link", Args: cobra.ExactArgs(2),
		Long: `Say which Open Platform account an app was bound to, by a name of yours that all apps of that account share. From then
on a user's unionid links accounts at the next sign-in; users that exist already are not joined. "" takes the name back.`,
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if err := database.Apps().SetOpenPlatform(ctx, identity.PlatformWechat, args[0], args[1]); err != nil {
			return unknown(err, "app", args[0])
		}
		cmd.Printf("%s belongs to Open Platform account %q; running servers know within %s\n", args[0], args[1], clientAge)
		return nil
	})
}

// testAppCommand finds out whether WeChat knows AppID, AppSecret and address: it trades a code that cannot be one, which WeChat refuses
// as a code only after it has accepted all the rest.
func testAppCommand() *cobra.Command {
	return onDatabase(&cobra.Command{
		Use: "test APPID", Short: "Ask WeChat whether it accepts the AppID, the AppSecret and this machine's address", Args: cobra.ExactArgs(1),
	}, openMigrated, func(cmd *cobra.Command, c config, database *sql.DB, args []string) error {
		app, err := guardedApps{database.Apps(), c.simulated()}.Find(cmd.Context(), identity.PlatformWechat, args[0])
		if err != nil {
			return unknown(err, "app", args[0])
		}
		if app.Secret == "" {
			return errors.New("the AppSecret is sealed: give master_key (LINGPAI_MASTER_KEY)")
		}
		c.LogFormat = "text" // a person reads it
		client, err := newWechat(c, newLogger(c, cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		_, err = client.CodeToSession(cmd.Context(), wechat.Credentials{AppID: app.ID, Secret: wechat.Secret(app.Secret.Reveal())}, "lingpai-apps-test")
		return reportAppTest(cmd, c, app.ID, err)
	})
}

func reportAppTest(cmd *cobra.Command, c config, appID string, err error) error {
	who := "WeChat"
	if c.simulated() {
		who = "the simulator at " + c.WechatBaseURL
	}
	failed, ok := errors.AsType[*wechat.Error](err)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		cmd.Printf("%s works: %s accepted the AppID, the AppSecret and this machine's address\n", appID, who)
		return nil
	case ok && errors.Is(err, wechat.ErrMisconfigured):
		return fmt.Errorf("%s refuses %s: %w; %s", who, appID, err, remedy(failed.Errcode))
	}
	return fmt.Errorf("%s cannot be reached or is busy (the line above says why), so nothing is known about %s; check the network and try again. "+
		"Without a network see: lingpai wechat-simulator --help (%w)", who, appID, err)
}

// remedy says what to do about an errcode that the operator can help.
func remedy(errcode int) string {
	switch errcode {
	case 40013:
		return "there is no such AppID: compare it with the mini-program's console"
	case 40125:
		return "the AppSecret is wrong: give the one from the mini-program's console with: lingpai apps rotate-secret"
	case 40164:
		return "this machine's address is not allowed: add our_address of the log line above to the IP allow-list in the mini-program's console"
	}
	return "compare the app's settings in the mini-program's console"
}

// readAppSecret refuses what cannot be an AppSecret, and warns of what does not look like one.
func readAppSecret(ctx context.Context, cmd *cobra.Command) (identity.Secret, error) {
	line, err := readSecret(ctx, cmd, "AppSecret")
	if err != nil {
		return "", err
	}
	secret := strings.TrimSpace(line)
	if secret == "" || strings.ContainsFunc(secret, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return "", errors.New("that is no AppSecret: it is empty or has spaces or characters outside ASCII; is this the right file, and is it plain text?")
	}
	if !strings.HasPrefix(secret, wechattest.SecretPrefix) && (len(secret) != 32 || strings.Trim(secret, "0123456789abcdef") != "") {
		cmd.PrintErrf("warning: AppSecrets have 32 hexadecimal digits (a simulator's begin with %q), and this one does not look so\n", wechattest.SecretPrefix)
	}
	return identity.Secret(secret), nil
}

// unknown says in a sentence that something is not there.
func unknown(err error, what, name string) error {
	if errors.Is(err, identity.ErrNotFound) {
		return fmt.Errorf("there is no %s %q", what, name)
	}
	return err
}
