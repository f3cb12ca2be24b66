package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/storage/sql"
)

const phoneBudgetUsage = "how many phone numbers a month the app may ask WeChat for, which charges for " +
	"each: 0 none, -1 no bound"

func setPhoneBudgetCommand() *cobra.Command {
	cmd := admin(&cobra.Command{
		Use:   "set-phone-budget APPID N",
		Short: "Bound how many phone numbers a month a mini-program may ask WeChat for", Args: cobra.RangeArgs(1, 2),
		Long: `Bound how many phone numbers a month a mini-program may ask WeChat for. WeChat charges for each
number. 0, as every app has at first, is none; -1 is no bound. A month is one in Beijing, and what the app has
used of it counts on.`,
		Example: "  lingpai apps set-phone-budget wx0123456789abcdef 1000\n  lingpai apps set-phone-budget " +
			"wx0123456789abcdef -1",
	}, func(ctx context.Context, cmd *cobra.Command, database *sql.DB, args []string) error {
		budget, err := phoneBudgetArgument(cmd, args)
		if err != nil {
			return err
		}
		app, err := database.Apps().Find(ctx, platformOf(args[0]), args[0])
		if err == nil {
			app.PhoneBudget = budget
			if err := clients.CheckPhoneBudget(app); err != nil {
				return inFlags(err, func(string) bool { return false })
			}
			err = database.Apps().SetPhoneBudget(ctx, app.Platform, app.ID, budget)
		}
		if err != nil {
			return unknown(err, "app", args[0])
		}
		cmd.Printf("%s may ask for %s phone numbers a month; running servers know within %s\n", app.ID,
			tellBudget(budget), clientAge)
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

// shownPhoneUse is what an operator is shown of an app's phone numbers.
type shownPhoneUse struct {
	Month  string `json:"month"`
	Used   int    `json:"used"`
	Budget int    `json:"budget"`
}

func (u shownPhoneUse) cell() string {
	switch {
	case u.Budget < 0:
		return fmt.Sprintf("%d/no bound", u.Used)
	case u.Budget == 0 && u.Used == 0:
		return "-"
	}
	return fmt.Sprintf("%d/%d", u.Used, u.Budget)
}
