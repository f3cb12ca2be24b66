package main

import (
	"bytes"
	"errors"
	"testing"

	"github.com/spf13/cobra"
	"github.com/stretchr/testify/require"
)

// examiningCommand is a doctor command that a test asks parts of.
func examiningCommand(t *testing.T) *cobra.Command {
	t.Helper()
	cmd := newDoctorCommand()
	cmd.SetContext(t.Context())
	require.NoError(t, cmd.ParseFlags([]string{"--output", "json"}))
	return cmd
}

func TestASecretThatALibraryQuotesIsMasked(t *testing.T) {
	d := newDoctor(examiningCommand(t))
	d.report.secrets = hiding("postgres://user:hidden%20one@h/d", "redis://h?password=hidden-two",
		"sqlite:lingpai.db", "redis://:pw@h", "")
	text := d.report.words(errors.New("cannot connect as user:hidden one (hidden%20one, hidden+one) with " +
		"hidden-two to sqlite:lingpai.db: no pwd"))
	require.Equal(t, "cannot connect as user:*** (***, ***) with *** to sqlite:lingpai.db: no pwd", text)
}

func TestAFindingIsOneLine(t *testing.T) {
	cmd := examiningCommand(t)
	require.NoError(t, cmd.Flags().Set("output", "table"))
	var shown bytes.Buffer
	cmd.SetOut(&shown)
	d := newDoctor(cmd)
	d.report.check = "clients"
	d.report.fault("forged\nok       keys\t\x1b[2Jall", "do\r\nthis")
	require.Equal(t, "fault    clients        forged ok keys \ufffd[2Jall\n         to do: do this\n", shown.String())
}
