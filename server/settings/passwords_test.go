package settings

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// withPasswords returns URLs whose passwords contain "hidden", also after a raw "@", "/", "?" or "#", and the same
// without a scheme.
func withPasswords(schemes ...string) (urls []string) {
	for _, scheme := range append(schemes, "") {
		for _, authority := range []string{"user:hidden@host", "user:hidden@hidden@host", "user:hidden@hidden",
			"user:12/hidden@host", "user:hidden/hidden@host", "user:12?hidden@host", "user:12#hidden@host",
			"user:12/d#hidden@host", "user:12/d?hidden@host", "us er:hidden@hidden@host", "user:hidden,hidden@host",
			"user:%zz@hidden@host", "user:12/d?hidden=1@host", "hidden@host"} {
			urls = append(urls, scheme+authority, scheme+authority+"/d", scheme+authority+"/d?sslmode=disable")
		}
	}
	return urls
}

// TestPasswordsInURLsAreNotInErrors has URLs with passwords as values of all settings, from each source.
func TestPasswordsInURLsAreNotInErrors(t *testing.T) {
	file := filepath.Join(t.TempDir(), "c.yaml")
	for _, url := range withPasswords("https://", "http://", "postgres://", "redis://") {
		var flags, lines []string
		for _, s := range table() {
			if !s.secret {
				flags = append(flags, "--"+s.flag(), url)
			}
			lines = append(lines, fmt.Sprintf("%s: %q", s.key, url))
		}
		_, err := parsed(t, flags...)
		require.Len(t, Problems(err), len(flags)/2, "every setting is wrong: %v", err)
		require.NotContains(t, err.Error(), "hidden")
		require.NoError(t, os.WriteFile(file, []byte(strings.Join(lines, "\n")), 0o600))
		_, err = parsed(t, "--config", file)
		require.Error(t, err)
		require.NotContains(t, err.Error(), "hidden")
	}
}

// TestPasswordsInDatabaseURLsAreNotInTheNameOfTheDatabase: such a URL is refused, or its password is understood.
func TestPasswordsInDatabaseURLsAreNotInTheNameOfTheDatabase(t *testing.T) {
	for _, url := range withPasswords("postgres://", "postgresql://") {
		var c Settings
		if strings.Contains(url, "@hidden/") && strings.Count(url, "@") == 1 { // that is the host
			continue
		}
		if parseDatabaseURL(&c, url) == nil {
			require.NotContains(t, c.DatabaseName(), "hidden", url)
		}
	}
}

// TestASecretInThePlaceOfItsFileIsNotPrinted has LINGPAI_…_FILE with the secret instead of the file's name.
func TestASecretInThePlaceOfItsFileIsNotPrinted(t *testing.T) {
	for variable, value := range map[string]string{
		"LINGPAI_DATABASE_URL_FILE": "postgres://user:hidden@host/d", "LINGPAI_REDIS_URL_FILE": ":hidden@host:6379",
		"LINGPAI_MASTER_KEY_FILE": "k1:hidden+AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",
	} {
		t.Run(variable, func(t *testing.T) {
			t.Setenv(variable, value)
			_, err := parsed(t)
			require.ErrorContains(t, err, variable+": no such file")
			require.NotContains(t, err.Error(), "hidden")
		})
	}
}
