package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/wechat"
)

func newAppsCommand() *cobra.Command {
	return group("apps", "Apps of WeChat and QQ whose codes can be traded", addAppCommand(), listAppsCommand(),
		rotateAppSecretCommand(),
		setOpenPlatformCommand(), setPhoneBudgetCommand(), testAppCommand())
}

func addAppCommand() *cobra.Command {
	var app identity.App
	cmd := operate(&cobra.Command{
		Use:   "add APPID",
		Short: "Add an app of WeChat's or QQ's; its AppSecret comes from standard input or a file and is kept sealed",
		Long: `Add an app of WeChat's or QQ's. The AppID tells whose it is: WeChat's are wx and 16 hexadecimal
digits, QQ's are digits. The AppSecret comes from standard input or a file and is kept sealed.`,
		Example: `  lingpai apps add wx0123456789abcdef --name "My shop" < appsecret.txt
  lingpai apps add wx0123456789abcdef --secret-file appsecret.txt --open-platform main --phone-budget 1000
  lingpai apps add wxfedcba9876543210 --kind website --secret-file appsecret.txt --open-platform main
  lingpai apps add 1112345678 --name "My shop at QQ" --secret-file appsecret.txt`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		app.ID, app.Platform = args[0], clients.PlatformOf(args[0])
		err := o.checkMasterKey(ctx)
		if err != nil {
			return err
		}
		if err := clients.CheckApp(app); err != nil { // before a secret is asked for
			return err
		}
		if app.Secret, err = readAppSecret(ctx, cmd, app.Platform); err != nil {
			return err
		}
		if err := o.apps().Add(ctx, o.actor, app); err != nil {
			return err
		}
		cmd.Printf("added %s; check it with: lingpai apps test %s\n", app.ID, app.ID)
		return nil
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

func listAppsCommand() *cobra.Command {
	return addOutputFlag(operate(&cobra.Command{Use: "list",
		Short: "List all apps, and the phone numbers that each has got in this month", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			apps, err := o.apps().List(ctx, o.actor)
			if err != nil {
				return err
			}
			return printRows(cmd, apps, []string{"APPID", "PLATFORM", "KIND", "NAME", "OPEN PLATFORM",
				"PHONE NUMBERS", "ADDED"}, func(a admin.AppView) []string {
				return []string{a.ID, a.Platform, a.Kind, terminal.OrDash(a.Name), terminal.OrDash(a.OpenPlatform),
					phonesCell(a.Phones),
					a.CreatedAt}
			})
		}))
}

func rotateAppSecretCommand() *cobra.Command {
	return addSecretFlag(operate(&cobra.Command{
		Use: "rotate-secret APPID", Short: "Replace an app's AppSecret by the one that the platform's " +
			"console just made", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if err := o.checkMasterKey(ctx); err != nil {
			return err
		}
		secret, err := readAppSecret(ctx, cmd, clients.PlatformOf(args[0]))
		if err != nil {
			return err
		}
		if err := o.apps().RotateSecret(ctx, o.actor, args[0], secret); err != nil {
			return err
		}
		cmd.Printf("replaced the AppSecret of %s; running servers use it within %s\n", args[0], server.RecordAge)
		return nil
	}))
}

func setOpenPlatformCommand() *cobra.Command {
	return operate(&cobra.Command{
		Use:   "set-open-platform APPID NAME",
		Short: "Say which Open Platform account an app was bound to; from then on its unionids link",
		Args:  cobra.ExactArgs(2),
		Long: `Say which Open Platform account an app was bound to, by a name of yours that all apps of that
account share. From then on a user's unionid links accounts at the next sign-in; users that exist already are
not joined, but listed by "lingpai users duplicates". "" takes the name back.`,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if err := o.apps().SetOpenPlatform(ctx, o.actor, args[0], args[1]); err != nil {
			return err
		}
		cmd.Printf("%s belongs to Open Platform account %q; running servers know within %s\n", args[0],
			args[1], server.RecordAge)
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
	return secret, err
}

const phoneBudgetUsage = "how many phone numbers a month the app may ask WeChat for, which charges for " +
	"each: 0 none, -1 no bound"

func setPhoneBudgetCommand() *cobra.Command {
	cmd := operate(&cobra.Command{
		Use:   "set-phone-budget APPID N",
		Short: "Bound how many phone numbers a month a mini-program may ask WeChat for", Args: cobra.RangeArgs(1, 2),
		Long: `Bound how many phone numbers a month a mini-program may ask WeChat for. WeChat charges for each
number. 0, as every app has at first, is none; -1 is no bound. A month is one in Beijing, and what the app has
used of it counts on.`,
		Example: "  lingpai apps set-phone-budget wx0123456789abcdef 1000\n  lingpai apps set-phone-budget " +
			"wx0123456789abcdef -1",
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		budget, err := phoneBudgetArgument(cmd, args)
		if err != nil {
			return err
		}
		if err := o.apps().SetPhoneBudget(ctx, o.actor, args[0], budget); err != nil {
			return err
		}
		cmd.Printf("%s may ask for %s phone numbers a month; running servers know within %s\n", args[0],
			tellBudget(budget), server.RecordAge)
		return nil
	})
	// To the parser of flags -1 is a flag, so it is one.
	cmd.Flags().BoolP("no-bound", "1", false, "the same as -1")
	return cmd
}

func phoneBudgetArgument(cmd *cobra.Command, args []string) (int, error) {
	unbounded, _ := cmd.Flags().GetBool("no-bound")
	switch {
	case unbounded && len(args) == 1:
		return -1, nil
	case !unbounded && len(args) == 2:
		if budget, err := strconv.ParseInt(args[1], 10, 32); err == nil && budget >= -1 {
			return int(budget), nil
		}
	}
	return 0, fmt.Errorf("say once how many phone numbers: a number, or -1 for no bound; usage: %s", cmd.UseLine())
}

func tellBudget(budget int) string {
	switch {
	case budget < 0:
		return "any number of"
	case budget == 0:
		return "no"
	}
	return strconv.Itoa(budget)
}

// phonesCell shows an app's phone numbers of this month in a table.
func phonesCell(u admin.PhoneUseView) string {
	switch {
	case u.Budget < 0:
		return fmt.Sprintf("%d/no bound", u.Used)
	case u.Budget == 0 && u.Used == 0:
		return "-"
	}
	return fmt.Sprintf("%d/%d", u.Used, u.Budget)
}

func testAppCommand() *cobra.Command {
	return operate(&cobra.Command{
		Use: "test APPID", Short: "Ask the app's platform whether it accepts the AppID, the AppSecret and " +
			"this machine's address", Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		c := o.config
		c.LogFormat = "text" // a person reads it
		platforms, err := server.OpenPlatforms(c, server.NewLogger(c, cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer platforms.Close()
		apps := admin.NewApps(server.GuardApps(o.database.Apps(), c))
		err = apps.Test(ctx, o.actor, args[0], platforms.Of)
		return printAppTest(cmd, c.WhoAnswers(clients.PlatformOf(args[0])), args[0], err)
	})
}

func printAppTest(cmd *cobra.Command, who, appID string, err error) error {
	refusal, isRefused := errors.AsType[admin.AppRefusedError](err)
	_, isOpen := errors.AsType[*wechat.Error](err)
	switch {
	case err == nil:
		cmd.Printf("%s works: %s accepted the AppID, the AppSecret and this machine's address\n", appID, who)
		return nil
	case isRefused:
		return fmt.Errorf("%s refuses %s: %w; %s", who, appID, err, refusal.Remedy())
	case isOpen:
		return fmt.Errorf("%s cannot be reached or is busy (the line above says why), so nothing is known "+
			"about %s; check the network and try again. "+
			"Without a network see: lingpai wechat-simulator --help (%w)", who, appID, err)
	}
	return err
}
