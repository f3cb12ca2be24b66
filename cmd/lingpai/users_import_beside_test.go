package main

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

func TestImportLetsOthersSignInIntoSQLite(t *testing.T) {
	t.Parallel()
	importBesideSignIns(t, migrated(t))
}

func TestImportLetsOthersSignInIntoPostgreSQL(t *testing.T) {
	t.Parallel()
	importBesideSignIns(t, migrated(t, "LINGPAI_DATABASE_URL="+dbtest.PostgreSQL(t)))
}

// importBesideSignIns imports while new users sign in at a server in another process.
func importBesideSignIns(t *testing.T, o *operator) {
	t.Helper()
	o.okWith(simSecret, "apps", "add", appID, "--open-platform", "main")
	o.generate("people.jsonl", *importSize)
	database := o.opens()
	imported := make(chan importAnswer, 1)
	go func() { imported <- o.imports("people.jsonl") }()
	var waits []time.Duration
	for n := 0; len(imported) == 0; n++ {
		begun := time.Now()
		_, created, err := database.Accounts().FindOrCreateUser(t.Context(),
			atApp(appID, fmt.Sprint("visitor-", n), ""))
		require.NoError(t, err)
		require.True(t, created)
		waits = append(waits, time.Since(begun))
		time.Sleep(time.Millisecond)
	}
	a := <-imported
	require.Zero(t, a.code, a.stderr)
	slices.Sort(waits)
	t.Logf("%s beside %d sign-ins, of which half took %s, and the longest %s", a.figures(*importSize), len(waits),
		waits[len(waits)/2], waits[len(waits)-1])
}
