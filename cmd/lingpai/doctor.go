package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/doctor"
	"github.com/lingpai/lingpai/server/settings"
)

func newDoctorCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "doctor",
		Short: "Look at all that serve needs, and say what to do where something is wrong",
		Long: `Look at all that "lingpai serve" needs, with the same configuration: settings, database, Redis,
keys, WeChat, clocks, apps and clients. Each finding is one line: ok, warning, fault, or skipped. Below a
warning or a fault stands what to do.

Nothing is changed. WeChat is called once for each app, with a code that cannot be one; Redis keeps one random key for a
moment. The exit status is 1 if there is a fault.`,
		Example: "  lingpai doctor --config lingpai.yaml\n  lingpai doctor --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			return examine(cmd)
		},
	}
	settings.AddFlags(cmd)
	return addOutputFlag(cmd)
}

// examine prints each finding at once, unless all are wanted as JSON.
func examine(cmd *cobra.Command) error {
	c, err := settings.Load(cmd.Flags(), settings.Terms{Demands: []settings.Demand{
		{Key: "server.issuer", Check: settings.CheckIssuer}, {Key: "master_key", Check: settings.RequireMasterKey},
	}})
	examination := doctor.Config{Settings: c, Problems: settings.Problems(err)}
	output, _ := cmd.Flags().GetString("output")
	if output != "json" {
		examination.Show = func(f doctor.Finding) { cmd.Print(f.String()) }
	}
	findings, err := doctor.Examine(cmd.Context(), examination)
	if err != nil {
		return err
	}
	if output == "json" {
		if err := printJSON(cmd, findings); err != nil {
			return err
		}
	} else {
		cmd.Println("\n" + findings.Summary())
	}
	if findings.Count(doctor.StatusFault) > 0 {
		return errors.New("there are faults: do what is said below each, then run lingpai doctor again")
	}
	return nil
}
