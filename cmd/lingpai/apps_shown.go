package main

import (
	"context"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/storage/sql"
)

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
