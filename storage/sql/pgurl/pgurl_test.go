package pgurl_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/sql/pgurl"
)

// onlyURL removes libpq's variables from the environment of a test.
func onlyURL(t *testing.T) {
	t.Helper()
	for _, name := range []string{"PGHOST", "PGPORT", "PGDATABASE", "PGUSER", "PGSSLMODE", "PGSERVICE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir()) // the driver uses certificates in ~/.postgresql
}

// TestEachSpellingOfAURLIsUnderstood as libpq understands it.
func TestEachSpellingOfAURLIsUnderstood(t *testing.T) {
	onlyURL(t)
	for url, want := range map[string]string{
		"postgres://127.0.0.1/db":                                          "127.0.0.1:5432",
		"postgresql://u:p@localhost:5433/db":                               "localhost:5433",
		"postgres://[::1]/db":                                              "[::1]:5432",
		"postgres://[::1]:1,[::1]:2/db":                                    "[::1]:1, [::1]:2",
		"postgres://u@a:1,b:2/db?sslmode=verify-full":                      "a:1, b:2",
		"postgres://u@a,b:2,c/db?sslmode=prefer":                           "a:5432, b:2, c:5432",
		"postgres://u@a:1,b:2/db?sslmode=disable":                          "a:1, b:2",
		"postgres:///db?host=a,b&port=1&sslmode=disable":                   "a:1, b:1",
		"postgres:///db?host=/run/x":                                       "/run/x/.s.PGSQL.5432",
		"postgres://u@/db?host=/run/x&port=5433":                           "/run/x/.s.PGSQL.5433",
		"postgres://u:p@%2Frun%2Fx/db":                                     "/run/x/.s.PGSQL.5432",
		"postgres://%2Frun%2Fx:5433/db":                                    "/run/x/.s.PGSQL.5433",
		"postgres://%2frun%2fx,localhost/db":                               "/run/x/.s.PGSQL.5432, localhost:5432",
		"postgres://ignored.example.com/db?host=/run/x":                    "/run/x/.s.PGSQL.5432",
		"postgres://localhost/db?host=db.example.com&ssl=true":             "db.example.com:5432",
		"postgres://localhost?dbname=db":                                   "localhost:5432",
		"postgres://u:p%40%2F@localhost/db?application_name=u@db":          "localhost:5432",
		"postgres://a:1,b:2/db?target_session_attrs=read-write&ssl=true":   "a:1, b:2",
		"postgres://db.example.com/db?sslmode=require&sslmode=verify-full": "db.example.com:5432",
	} {
		config, err := pgurl.Parse(url)
		require.NoError(t, err, url)
		require.Equal(t, "PostgreSQL at "+want+" (database db)", pgurl.Name(config), url)
	}
	config, err := pgurl.Parse("postgresql:///db") // libpq's default folder, if it exists
	require.NoError(t, err)
	require.True(t, pgurl.Encrypted(config))
}

func TestRefusedURLs(t *testing.T) {
	onlyURL(t)
	for url, why := range map[string]string{
		"host=/tmp dbname=db":                                    "not supported",
		"/run/postgresql":                                        "begins with postgres://",
		"POSTGRES://localhost/db":                                "begins with postgres://",
		"postgres://localhost":                                   "does not name a database",
		"postgres://localhost/?host=/run/x":                      "does not name a database",
		"postgres:///db?host=@lingpai":                           "abstract sockets",
		"postgres://%40lingpai/db":                               "abstract sockets",
		"postgres://localhost:1,localhost:2,[::1]:3/db?port=1,2": "does not understand",
		"postgres://u:12?x=secret@localhost":                     "more than one @",
	} {
		_, err := pgurl.Parse(url)
		require.ErrorContains(t, err, why, url)
		require.NotContains(t, err.Error(), "secret")
	}
}

// TestAConnectionToAnotherMachineNeedsAnSSLMode: without it, an attacker between the machines can make the driver
// do without TLS. What decides is where the driver connects to, not what the URL begins with.
func TestAConnectionToAnotherMachineNeedsAnSSLMode(t *testing.T) {
	for _, c := range []struct{ url, variable string }{
		{"postgres://db.example.com/db", ""},
		{"postgres://localhost/db?host=db.example.com", ""},
		{"postgres://%2Frun%2Fx/db?host=db.example.com", ""},
		{"postgres://localhost,db.example.com/db", ""},
		{"postgres://%2Frun%2Fx,192.0.2.1/db", ""},
		{"postgres:///db?host=localhost&host=db.example.com", ""},
		{"postgres://db.example.com/db?sslmode=", "PGSSLMODE=verify-full"},
		{"postgres://db.example.com/db?sslmode=verify-full&sslmode=", ""},
		{"postgres:///db", "PGHOST=db.example.com"},
	} {
		t.Run(c.url, func(t *testing.T) {
			onlyURL(t)
			if name, value, ok := strings.Cut(c.variable, "="); ok {
				t.Setenv(name, value)
			}
			_, err := pgurl.Parse(c.url)
			require.ErrorContains(t, err, "sslmode=verify-full")
		})
	}
}

func TestProtectionIsThatOfEachHost(t *testing.T) {
	onlyURL(t)
	for url, want := range map[string][2]bool{
		"postgres://localhost/db":                            {true, true},
		"postgres://localhost/db?sslmode=disable":            {true, true},
		"postgres:///db?host=/run/x&sslmode=disable":         {true, true},
		"postgres://a/db?sslmode=disable":                    {false, true},
		"postgres://a/db?sslmode=allow":                      {false, false},
		"postgres://a/db?sslmode=prefer":                     {false, false},
		"postgres://a/db?sslmode=require":                    {true, false},
		"postgres://a/db?ssl=true":                           {true, false},
		"postgres://a/db?sslmode=verify-ca":                  {true, true},
		"postgres://a/db?sslmode=verify-full":                {true, true},
		"postgres://localhost,a/db?sslmode=disable":          {false, true},
		"postgres://localhost/db?host=a&sslmode=require":     {true, false},
		"postgres://a/db?host=localhost&sslmode=require":     {true, true},
		"postgres://a/db?sslmode=require&sslrootcert=system": {true, true},
	} {
		config, err := pgurl.Parse(url)
		require.NoError(t, err, url)
		require.Equal(t, want, [2]bool{pgurl.Encrypted(config), pgurl.Verified(config)}, url)
	}
}
