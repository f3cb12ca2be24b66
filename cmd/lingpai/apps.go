package main

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/cmd/lingpai/terminal"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/wechat"
)

func newAppsCommand() *cobra.Command {
	return group("apps", "Manage WeChat and QQ apps", addAppCommand(), listAppsCommand(), updateAppCommand(),
		rotateAppSecretCommand(), setOpenPlatformCommand(), setPhoneBudgetCommand(), testAppCommand(),
		pushAppCommand(), removeAppCommand())
}

func addAppCommand() *cobra.Command {
	app := identity.App{Kind: identity.KindMiniProgram}
	cmd := operate(&cobra.Command{
		Use: "add APPID", SuggestFor: []string{"create", "new"},
		Short: "Add an app; its AppSecret is read from standard input or a file",
		Long: `Add an app of WeChat or QQ. The AppID determines the platform: WeChat's are wx and 16 hexadecimal
digits, QQ's are decimal digits. The AppSecret is read from standard input or a file and is stored encrypted with
the master key.`,
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
		if err := clients.CheckApp(app); err != nil { // before asking for a secret
			return err
		}
		if app.Secret, err = readAppSecret(ctx, cmd, app.Platform); err != nil {
			return err
		}
		if err := o.apps().Add(ctx, o.actor, app); err != nil {
			return err
		}
		say(cmd, "added %s; check it with: lingpai apps test %s\n", app.ID, app.ID)
		return printResult(cmd, members{"appid": app.ID, "platform": app.Platform, "kind": app.Kind})
	})
	defineAppFlags(cmd.Flags(), &app)
	limitChoices(cmd, "kind", identity.Kinds()...)
	return addSecretFlag(cmd)
}

// defineAppFlags defines the flags for the fields of an app's record, with the present values as the defaults.
func defineAppFlags(flags *pflag.FlagSet, app *identity.App) {
	flags.StringVar(&app.Kind, "kind", app.Kind, "kind of app: "+strings.Join(identity.Kinds(), ", "))
	flags.StringVar(&app.Name, "name", app.Name, "display name")
	flags.StringVar(&app.OpenPlatform, "open-platform", app.OpenPlatform,
		"your name for the Open Platform account that the app is bound to; apps with the same name share unionids")
	flags.IntVar(&app.PhoneBudget, "phone-budget", app.PhoneBudget, phoneBudgetUsage)
}

func listAppsCommand() *cobra.Command {
	return operate(asTable(&cobra.Command{Use: "list", SuggestFor: []string{"ls"},
		Short: "List apps, and how many phone numbers each has requested this month", Args: cobra.NoArgs}),
		func(ctx context.Context, cmd *cobra.Command, o operation, _ []string) error {
			apps, err := o.apps().List(ctx, o.actor)
			if err != nil {
				return err
			}
			return printRows(cmd, apps, []string{"APPID", "PLATFORM", "KIND", "NAME", "OPEN PLATFORM",
				"PHONE NUMBERS", "ADDED"}, func(a admin.AppView) []string {
				return []string{a.ID, a.Platform, a.Kind, terminal.OrDash(a.Name), terminal.OrDash(a.OpenPlatform),
					phonesCell(a.Phones), a.CreatedAt}
			})
		})
}

func updateAppCommand() *cobra.Command {
	cmd := completeArguments(operate(&cobra.Command{
		Use: "update APPID", SuggestFor: []string{"set", "edit", "change"},
		Short: "Change the fields of an app's record that flags name, and print what changed",
		Long: `Change an app's record. Only what flags name is changed; an empty value ("") removes a name. The result
must satisfy the same rules as a new app. To replace the AppSecret use: lingpai apps rotate-secret`,
		Example: `  lingpai apps update wx0123456789abcdef --name "My shop" --open-platform main`,
		Args:    cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		app, err := o.apps().Find(ctx, o.actor, args[0])
		if err != nil {
			return err
		}
		fields := pflag.NewFlagSet("", pflag.ContinueOnError)
		defineAppFlags(fields, &app)
		if err := setFields(cmd, fields); err != nil {
			return err
		}
		changes, err := o.apps().Update(ctx, o.actor, app)
		if err != nil {
			return err
		}
		return printChanges(cmd, app.ID, changes, members{"appid": app.ID})
	}), 1, appCandidates)
	defineAppFlags(cmd.Flags(), &identity.App{})
	limitChoices(cmd, "kind", identity.Kinds()...)
	return cmd
}

func rotateAppSecretCommand() *cobra.Command {
	return addSecretFlag(completeArguments(operate(&cobra.Command{
		Use: "rotate-secret APPID", Short: "Replace an app's AppSecret with a new one from the platform's console",
		Args: cobra.ExactArgs(1),
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
		say(cmd, "replaced the AppSecret of %s; running servers use it within %s\n", args[0], server.RecordAge)
		return printResult(cmd, members{"appid": args[0]})
	}), 1, appCandidates))
}

func setOpenPlatformCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{
		Use:   "set-open-platform APPID NAME",
		Short: "Set the Open Platform account that an app is bound to",
		Args:  cobra.ExactArgs(2),
		Long: `Set the Open Platform account that an app is bound to. NAME is a name of your choice that all apps
of that account share. From then on, a sign-in finds its user by unionid, too. Existing users are not merged;
"lingpai users duplicates" lists those that are the same person. An empty NAME ("") removes the setting.`,
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		if err := o.apps().SetOpenPlatform(ctx, o.actor, args[0], args[1]); err != nil {
			return err
		}
		say(cmd, "%s belongs to Open Platform account %q; running servers use it within %s\n", args[0],
			args[1], server.RecordAge)
		return printResult(cmd, members{"appid": args[0], "open_platform": args[1]})
	}), 1, appCandidates)
}

// readAppSecret rejects an invalid AppSecret, and warns about one that does not have the platform's usual
// form.
func readAppSecret(ctx context.Context, cmd *cobra.Command, platform string) (identity.Secret, error) {
	line, err := readSecret(ctx, cmd, "AppSecret")
	if err != nil {
		return "", err
	}
	secret, err := clients.ParseAppSecret(line)
	if err == nil && !clients.UsualAppSecret(platform, secret) {
		cmd.PrintErrf("warning: this does not look like an AppSecret, which has 32 hexadecimal digits (in a "+
			"simulator it begins with %q)\n", clients.SimulatorSecretPrefix)
	}
	return secret, err
}

const phoneBudgetUsage = "how many phone numbers the app may request from WeChat per month; WeChat charges for " +
	"each; 0: none, -1: no limit"

const noLimitFlag = "no-limit"

func setPhoneBudgetCommand() *cobra.Command {
	cmd := completeArguments(operate(&cobra.Command{
		Use:   "set-phone-budget APPID N",
		Short: "Limit how many phone numbers an app may request per month", Args: cobra.RangeArgs(1, 2),
		Long: `Limit how many phone numbers an app may request from WeChat per month. WeChat charges for each
number. 0, the default, allows none; -1 removes the limit. Months are those of Beijing time. Numbers that the app
has requested this month count towards the new limit.`,
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
		say(cmd, "%s may request %s phone numbers per month; running servers use it within %s\n", args[0],
			describeBudget(budget), server.RecordAge)
		return printResult(cmd, members{"appid": args[0], "phone_budget": budget})
	}), 1, appCandidates)
	cmd.Flags().BoolP(noLimitFlag, "1", false, "remove the limit") // pflag parses -1 as a flag
	cmd.Flags().SetNormalizeFunc(func(_ *pflag.FlagSet, name string) pflag.NormalizedName {
		if name == "no-bound" { // its former name
			name = noLimitFlag
		}
		return pflag.NormalizedName(name)
	})
	return cmd
}

func phoneBudgetArgument(cmd *cobra.Command, args []string) (int, error) {
	unlimited, _ := cmd.Flags().GetBool(noLimitFlag)
	switch {
	case unlimited && len(args) == 1:
		return -1, nil
	case !unlimited && len(args) == 2:
		if budget, err := strconv.ParseInt(args[1], 10, 32); err == nil && budget >= -1 {
			return int(budget), nil
		}
	}
	return 0, fmt.Errorf("give one number of phone numbers, or -1 for no limit; usage: %s", cmd.UseLine())
}

func describeBudget(budget int) string {
	switch {
	case budget < 0:
		return "any number of"
	case budget == 0:
		return "no"
	}
	return strconv.Itoa(budget)
}

// phonesCell returns, for a table, how many phone numbers an app has used this month, and its budget.
func phonesCell(u admin.PhoneUseView) string {
	switch {
	case u.Budget < 0:
		return fmt.Sprintf("%d/no limit", u.Used)
	case u.Budget == 0 && u.Used == 0:
		return "-"
	}
	return fmt.Sprintf("%d/%d", u.Used, u.Budget)
}

func testAppCommand() *cobra.Command {
	return completeArguments(operate(&cobra.Command{
		Use:        "test APPID",
		Short:      "Test whether the platform accepts an app's AppID, its AppSecret and this machine's address",
		SuggestFor: []string{"check", "verify"}, Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		c := o.config
		c.LogFormat = "text" // a person reads it
		platforms, err := server.OpenPlatforms(c, server.NewLogger(c, cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer platforms.Close()
		apps := admin.NewApps(server.GuardApps(o.database.Apps(), c), o.database.Clients())
		err = apps.Test(ctx, o.actor, args[0], platforms.Of)
		return printAppTest(cmd, c.DescribePlatform(clients.PlatformOf(args[0])), args[0], err)
	}), 1, appCandidates)
}

func printAppTest(cmd *cobra.Command, who, appID string, err error) error {
	refusal, isRefused := errors.AsType[admin.AppRefusedError](err)
	failed, isOpen := errors.AsType[*wechat.Error](err)
	switch {
	case err == nil:
		say(cmd, "%s works: %s accepted the AppID, the AppSecret and this machine's address\n", appID, who)
		return printResult(cmd, members{"appid": appID, "accepted": true})
	case isRefused:
		return fmt.Errorf("%s rejects %s: %w; %s", who, appID, err, refusal.Remedy())
	case isOpen:
		if failed.Errcode != 0 {
			return fmt.Errorf("%s could not be tested: %s (%w)", appID, failed.Explain(who), err)
		}
		return fmt.Errorf("%s cannot be reached or is busy (see the line above), so %s could not be tested; "+
			"check the network and try again. To work without a network, see: lingpai wechat-simulator --help (%w)",
			who, appID, err)
	}
	return err
}

func removeAppCommand() *cobra.Command {
	var force bool
	cmd := completeArguments(operate(&cobra.Command{
		Use: "remove APPID", SuggestFor: []string{"delete", "rm"},
		Short: "Remove an app with its AppSecret; the accounts of its users stay",
		Long: `Remove an app with its AppSecret. Nobody can sign in with it any more. The accounts of its users stay, so
if it is added again, they are the same users. Sessions continue; to end them, see: lingpai sessions revoke --help`,
		Args: cobra.ExactArgs(1),
	}, func(ctx context.Context, cmd *cobra.Command, o operation, args []string) error {
		clients, err := o.apps().Remove(ctx, o.actor, args[0], force)
		if _, ok := errors.AsType[admin.RefusedError](err); ok {
			return fmt.Errorf("%w; take the app from each with lingpai clients update CLIENT_ID --app …, or remove it "+
				"anyway with --force", err)
		}
		if err != nil {
			return err
		}
		say(cmd, "removed %s; running servers reject it within %s\n", args[0], server.RecordAge)
		if len(clients) > 0 {
			cmd.PrintErrf("warning: sign-ins with %s at %s fail from now on\n", args[0], strings.Join(clients, ", "))
		}
		return printResult(cmd, members{"appid": args[0], "removed": true, "clients": append([]string{}, clients...)})
	}), 1, appCandidates)
	cmd.Flags().BoolVar(&force, "force", false,
		"remove the app even if clients have it: sign-ins of their users with it fail from then on")
	return cmd
}
