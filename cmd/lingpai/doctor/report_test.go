package doctor

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/server/settings"
)

// examination returns an examination of which a test runs parts.
func examination(t *testing.T) *doctor {
	t.Helper()
	return newDoctor(t.Context(), Config{Settings: settings.Defaults()})
}

func TestASecretThatALibraryQuotesIsMasked(t *testing.T) {
	d := examination(t)
	d.report.secrets = hiding("postgres://user:hidden%20one@h/d", "redis://h?password=hidden-two",
		"sqlite:lingpai.db", "redis://:pw@h", "")
	several := hiding("postgres://user:hidden@[::1]:1,[::2]:2/d?sslmode=disable")
	require.Equal(t, "no password ***", several.Replace("no password hidden"))
	text := d.report.words(errors.New("cannot connect as user:hidden one (hidden%20one, hidden+one) with " +
		"hidden-two to sqlite:lingpai.db: no pwd"))
	require.Equal(t, "cannot connect as user:*** (***, ***) with *** to sqlite:lingpai.db: no pwd", text)
}

func TestAFindingIsOneLine(t *testing.T) {
	var shown string
	d := newDoctor(t.Context(), Config{Show: func(f Finding) { shown += f.String() }})
	d.report.check = "clients"
	d.report.fault("forged\nok       keys\t\x1b[2Jall", "do\r\nthis")
	require.Equal(t, "fault    clients        forged ok keys \ufffd[2Jall\n         to do: do this\n", shown)
}
