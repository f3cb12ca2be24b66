package main

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/storage/dbtest"
)

// poolerConnections are fewer than two replicas use, so that statements of a client run over several of them.
const poolerConnections = 3

func TestPoolerInTransactionModeIsReported(t *testing.T) {
	t.Parallel()
	pooler := dbtest.Pooler(t, dbtest.PostgreSQL(t), "transaction", poolerConnections)
	o := newOperator(t, loopbackIssuer, nowhere, "LINGPAI_MASTER_KEY="+aKey, "LINGPAI_DATABASE_URL="+pooler)
	const found, advice = "a pooler in front of PostgreSQL does not keep prepared statements",
		"add default_query_exec_mode=exec to the parameters of database.url (LINGPAI_DATABASE_URL)"
	requireFinding(t, o.examined(), "database", statusFault, found, advice)
	require.Contains(t, o.refused("migrate", "up"), found+"; "+advice)
	require.Contains(t, o.refused("serve"), found+"; "+advice)

	o = o.with("LINGPAI_DATABASE_URL=" + pooler + "&default_query_exec_mode=exec")
	o.ok("migrate", "up")
	requireFinding(t, o.examined(), "database", statusOK, "PostgreSQL at 127.0.0.1:", "")
}

// TestReplicasBehindAPooler refreshes many sessions at the same time, each by two callers that know one token.
func TestReplicasBehindAPooler(t *testing.T) {
	t.Parallel()
	redis, keyPrefix := dbtest.Redis(t)
	pooler := dbtest.Pooler(t, dbtest.PostgreSQL(t), "transaction", poolerConnections)
	f := newFleet(t, pooler+"&default_query_exec_mode=exec", redis, keyPrefix)
	const sessions, refreshes = 20, 10
	failures := make([]error, sessions)
	var running sync.WaitGroup
	for n := range sessions {
		code := f.code(fmt.Sprint("user-", n))
		running.Go(func() { failures[n] = f.refreshTwice(code, refreshes) })
	}
	running.Wait()
	require.NoError(t, errors.Join(failures...))
}

// refreshTwice opens a session and repeats a refresh by two callers, who must receive the same token.
func (f *fleet) refreshTwice(code string, times int) error {
	refresh, err := f.ask("", "grant_type", "wechat_code", "code", code)
	for n := 0; n < times && err == nil; n++ {
		var tokens [2]string
		var failures [2]error
		var running sync.WaitGroup
		for caller := range tokens {
			running.Go(func() {
				tokens[caller], failures[caller] = f.ask("", "grant_type", "refresh_token", "refresh_token", refresh)
			})
		}
		running.Wait()
		if err = errors.Join(failures[:]...); err == nil && tokens[0] != tokens[1] {
			err = errors.New("two callers received different refresh tokens")
		}
		refresh = tokens[0]
	}
	return err
}
