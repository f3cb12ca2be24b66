package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/server"
	"github.com/lingpai/lingpai/signin"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat"
)

// testAppCommand finds out whether a platform knows AppID, AppSecret and address: it trades a code that
// cannot be one, which it refuses as a code only after it has accepted all the rest.
func testAppCommand() *cobra.Command {
	return onDatabase(&cobra.Command{
		Use: "test APPID", Short: "Ask the app's platform whether it accepts the AppID, the AppSecret and " +
			"this machine's address", Args: cobra.ExactArgs(1),
	}, openMigrated, func(cmd *cobra.Command, c config, database *sql.DB, args []string) error {
		app, err := server.GuardApps(database.Apps(), c).Find(cmd.Context(), platformOf(args[0]), args[0])
		if err != nil {
			return unknown(err, "app", args[0])
		}
		if app.Secret == "" {
			return errors.New("the AppSecret is sealed: give master_key (LINGPAI_MASTER_KEY)")
		}
		c.LogFormat = "text" // a person reads it
		platforms, err := server.OpenPlatforms(c, server.NewLogger(c, cmd.ErrOrStderr()))
		if err != nil {
			return err
		}
		defer platforms.Close()
		platform := platforms.Of(app)
		_, err = platform.Trade(cmd.Context(), app, "lingpai-apps-test")
		return reportAppTest(cmd, whoAnswers(c, platform), app.ID, err)
	})
}

// whoAnswers says who stands behind a platform's address.
func whoAnswers(c config, platform signin.Platform) string {
	if !c.Simulates(platform.Name()) {
		return platform.Title()
	}
	if platform.Name() == identity.PlatformQQ {
		return "the simulator at " + c.QQBaseURL
	}
	return "the simulator at " + c.WechatBaseURL
}

func reportAppTest(cmd *cobra.Command, who, appID string, err error) error {
	failed, ok := errors.AsType[*wechat.Error](err)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		cmd.Printf("%s works: %s accepted the AppID, the AppSecret and this machine's address\n", appID, who)
		return nil
	case ok && errors.Is(err, wechat.ErrMisconfigured):
		return fmt.Errorf("%s refuses %s: %w; %s", who, appID, err, remedy(failed.Errcode))
	}
	return fmt.Errorf("%s cannot be reached or is busy (the line above says why), so nothing is known "+
		"about %s; check the network and try again. "+
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
		return "this machine's address is not allowed: add our_address of the log line above to the IP " +
			"allow-list in the mini-program's console"
	}
	return "compare the app's settings in the mini-program's console"
}
