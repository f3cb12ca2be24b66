package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/wechat"
	"github.com/lingpai/lingpai/wechat/qq"
)

// platformOf tells by its shape whose AppID it is; WeChat's, if it is nobody's.
func platformOf(id string) string {
	if validAppID(identity.PlatformQQ, id) {
		return identity.PlatformQQ
	}
	return identity.PlatformWechat
}

// validAppID says whether an AppID has the form of a platform's.
func validAppID(platform, id string) bool {
	if platform == identity.PlatformQQ {
		return qq.ValidAppID(id)
	}
	return wechat.ValidAppID(id)
}

// appFaults says all that is wrong with what is to be added.
func appFaults(app identity.App) (faults []error) {
	if !validAppID(app.Platform, app.ID) {
		faults = append(faults, fmt.Errorf(
			"%q is not an AppID: WeChat's are wx and 16 lower-case hexadecimal digits, QQ's are 6 to 20 digits; "+
				"it is shown in the app's console", app.ID))
	}
	switch {
	case !slices.Contains(identity.Kinds(), app.Kind):
		faults = append(faults, fmt.Errorf("--kind: there is no kind %q; give one of %s", app.Kind,
			strings.Join(identity.Kinds(), ", ")))
	case app.Platform == identity.PlatformQQ && app.Kind != identity.KindMiniProgram:
		faults = append(faults, errors.New("--kind: of QQ's apps only those of kind "+identity.KindMiniProgram+
			" can be added"))
	}
	if err := phoneBudgetFault(app); err != nil {
		faults = append(faults, err)
	}
	return faults
}

// shownApp is what an operator is shown of an app.
type shownApp struct {
	ID           string        `json:"appid"`
	Platform     string        `json:"platform"`
	Kind         string        `json:"kind"`
	Name         string        `json:"name,omitempty"`
	OpenPlatform string        `json:"open_platform,omitempty"`
	Phones       shownPhoneUse `json:"phone_numbers"`
	CreatedAt    string        `json:"created_at"`
}

func listAppsCommand() *cobra.Command {
	return addOutputFlag(admin(&cobra.Command{Use: "list",
		Short: "List all apps, and the phone numbers that each has got in this month", Args: cobra.NoArgs},
		func(ctx context.Context, cmd *cobra.Command, database *sql.DB, _ []string) error {
			apps, err := database.Apps().List(ctx)
			if err != nil {
				return err
			}
			shown := make([]shownApp, len(apps))
			for n, a := range apps {
				use, err := database.Apps().PhoneUse(ctx, a.Platform, a.ID)
				if err != nil {
					return err
				}
				shown[n] = shownApp{a.ID, a.Platform, a.Kind, a.Name, a.OpenPlatform, shownPhoneUse(use),
					moment(a.CreatedAt)}
			}
			return printRows(cmd, shown, []string{"APPID", "PLATFORM", "KIND", "NAME", "OPEN PLATFORM",
				"PHONE NUMBERS", "ADDED"}, func(a shownApp) []string {
				return []string{a.ID, a.Platform, a.Kind, orDash(a.Name), orDash(a.OpenPlatform), a.Phones.cell(),
					a.CreatedAt}
			})
		}))
}
