package doctor

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

const fallenBack = "go, since openssl 3.0.22 failed: it made a signature that does not verify"

func TestDoctorWarnsThatGoWouldSignInstead(t *testing.T) {
	d := examination(t)
	d.report.check = "keys"
	warnOfBackend(d.report, "openssl 3.0.22", "openssl 3.0.22")
	require.Empty(t, d.report.findings)
	warnOfBackend(d.report, fallenBack, "openssl 3.0.22")
	require.Len(t, d.report.findings, 1)
	require.Equal(t, StatusWarning, d.report.findings[0].Status)
	require.True(t, strings.HasSuffix(d.report.findings[0].Found, fallenBack))
	require.Contains(t, d.report.findings[0].Advice, "OpenSSL")
}
