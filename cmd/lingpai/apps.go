package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
)

func newAppsCommand() *cobra.Command {
	return group("apps", "Apps of WeChat and QQ whose codes can be traded", addAppCommand(), listAppsCommand(),
		rotateAppSecretCommand(),
		setOpenPlatformCommand(), setPhoneBudgetCommand(), testAppCommand())
}

func addAppCommand() *cobra.Command {
	var app identity.App
	cmd := sealing(&cobra.Command{
		Use:   "add APPID",
		Short: "Add an app of WeChat's or QQ's; its AppSecret comes from standard input or a file and is kept sealed",
		Long: `Add an app of WeChat's or QQ's. The AppID tells whose it is: WeChat's are wx and 16 hexadecimal
digits, QQ's are digits. The AppSecret comes from standard input or a file and is kept sealed.`,
		Example: `  lingpai apps add wx0123456789abcdef --name "My shop" < appsecret.txt
  lingpai apps add wx0123456789abcdef --secret-file appsecret.txt --open-platform main --phone-budget 1000
  lingpai apps add wxfedcba9876543210 --kind website --secret-file appsecret.txt --open-platform main
  lingpai apps add 1112345678 --name "My shop at QQ" --secret-file appsecret.txt`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		app.ID, app.Platform = args[0], platformOf(args[0])
		err := inFlags(clients.CheckApp(app), func(string) bool { return true })
		if err == nil {
			app.Secret, err = readAppSecret(ctx, cmd, app.Platform)
		}
		if err != nil {
			return err
		}
		err = database.Apps().Add(ctx, app)
		if errors.Is(err, identity.ErrExists) {
			return fmt.Errorf("app %s is there already; to change its secret use: lingpai apps rotate-secret %s",
				app.ID, app.ID)
		}
		if err == nil {
			cmd.Printf("added %s; check it with: lingpai apps test %s\n", app.ID, app.ID)
		}
		return err
	})
	flags := cmd.Flags()
	flags.StringVar(&app.Kind, "kind", identity.KindMiniProgram, "what the app is: "+strings.Join(identity.Kinds(),
		", "))
	flags.StringVar(&app.Name, "name", "", "what people call the app")
	flags.StringVar(&app.OpenPlatform, "open-platform", "",
		"a name of yours for the Open Platform account that the app is bound to; apps with the same name "+
			"share unionids")
	flags.IntVar(&app.PhoneBudget, "phone-budget", 0, phoneBudgetUsage)
	return addSecretFlag(cmd)
}

func rotateAppSecretCommand() *cobra.Command {
	return addSecretFlag(sealing(&cobra.Command{
		Use: "rotate-secret APPID", Short: "Replace an app's AppSecret by the one that the platform's " +
			"console just made", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		platform := platformOf(args[0])
		secret, err := readAppSecret(ctx, cmd, platform)
		if err != nil {
			return err
		}
		if err := database.Apps().SetSecret(ctx, platform, args[0], secret); err != nil {
			return unknown(err, "app", args[0])
		}
		cmd.Printf("replaced the AppSecret of %s; running servers use it within %s\n", args[0], clientAge)
		return nil
	}))
}

func setOpenPlatformCommand() *cobra.Command {
	return admin(&cobra.Command{
		Use:   "set-open-platform APPID NAME",
		Short: "Say which Open Platform account an app was bound to; from then on its unionids link",
		Args:  cobra.ExactArgs(2),
		Long: `Say which Open Platform account an app was bound to, by a name of yours that all apps of that
account share. From then on a user's unionid links accounts at the next sign-in; users that exist already are
not joined, but listed by "lingpai users twins". "" takes the name back.`,
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		if err := database.Apps().SetOpenPlatform(ctx, platformOf(args[0]), args[0], args[1]); err != nil {
			return unknown(err, "app", args[0])
		}
		cmd.Printf("%s belongs to Open Platform account %q; running servers know within %s\n", args[0],
			args[1], clientAge)
		return nil
	})
}

// readAppSecret refuses what cannot be an AppSecret, and warns of what does not look like one.
func readAppSecret(ctx context.Context, cmd *cobra.Command, platform string) (identity.Secret, error) {
	line, err := readSecret(ctx, cmd, "AppSecret")
	if err != nil {
		return "", err
	}
	secret, err := clients.ParseAppSecret(line)
	if err == nil && !clients.UsualAppSecret(platform, secret) {
		cmd.PrintErrf("warning: AppSecrets have 32 hexadecimal digits (a simulator's begin with %q), and "+
			"this one does not look so\n", clients.SimulatorSecretPrefix)
	}
	return secret, inFlags(err, func(string) bool { return true })
}

// unknown says in a sentence that something is not there.
func unknown(err error, what, name string) error {
	if errors.Is(err, identity.ErrNotFound) {
		return fmt.Errorf("there is no %s %q", what, name)
	}
	return err
}
