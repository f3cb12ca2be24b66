package main

import (
	"errors"

	"github.com/spf13/cobra"

	"github.com/lingpai/lingpai/cmd/lingpai/doctor"
	"github.com/lingpai/lingpai/server/settings"
)

func newDoctorCommand() *cobra.Command {
	cmd := asTable(&cobra.Command{
		Use: "doctor", SuggestFor: []string{"check", "diagnose"},
		Short: "Diagnose the configuration, and suggest fixes",
		Long: `Check everything that "lingpai serve" needs, with the same configuration: settings, database, Redis,
keys, WeChat, clocks, apps, clients, logout notices and message pushes. Each finding is one line: ok, warning, fault,
or skipped. A line below a warning or a fault suggests a fix.

The command changes nothing. It calls WeChat once for each app, with an invalid code, and keeps one random key in Redis
for a moment. The exit status is 1 if there is a fault.`,
		Example: "  lingpai doctor --config lingpai.yaml\n  lingpai doctor --output json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(cmd); err != nil {
				return err
			}
			return examine(cmd)
		},
	})
	settings.AddFlags(cmd)
	return cmd
}

// examine prints each finding as soon as it is known, or all of them as JSON at the end.
func examine(cmd *cobra.Command) error {
	c, err := settings.Load(cmd.Flags(), settings.LoadOptions{Rules: []settings.Rule{
		{Key: "server.issuer", Check: settings.CheckIssuer}, {Key: "master_key", Check: settings.RequireMasterKey},
	}})
	examination := doctor.Config{Settings: c, Problems: settings.Problems(err)}
	if !wantsJSON(cmd) {
		examination.Show = func(f doctor.Finding) { cmd.Print(f.String()) }
	}
	findings, err := doctor.Examine(cmd.Context(), examination)
	if err != nil {
		return err
	}
	say(cmd, "\n%s\n", findings.Summary())
	if err := printResult(cmd, findings); err != nil {
		return err
	}
	if findings.Count(doctor.StatusFault) > 0 {
		return errors.New("there are faults: follow the advice below each, then run lingpai doctor again")
	}
	return nil
}
