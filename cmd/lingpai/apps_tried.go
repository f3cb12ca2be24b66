package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/doctor"
	"github.com/lingpai/lingpai/server"
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
		return reportAppTest(cmd, doctor.WhoAnswers(c, platform), app.ID, err)
	})
}

func reportAppTest(cmd *cobra.Command, who, appID string, err error) error {
	failed, ok := errors.AsType[*wechat.Error](err)
	switch {
	case errors.Is(err, wechat.ErrBadCode):
		cmd.Printf("%s works: %s accepted the AppID, the AppSecret and this machine's address\n", appID, who)
		return nil
	case ok && errors.Is(err, wechat.ErrMisconfigured):
		return fmt.Errorf("%s refuses %s: %w; %s", who, appID, err, doctor.Remedy(failed.Errcode))
	}
	return fmt.Errorf("%s cannot be reached or is busy (the line above says why), so nothing is known "+
		"about %s; check the network and try again. "+
		"Without a network see: lingpai wechat-simulator --help (%w)", who, appID, err)
}
