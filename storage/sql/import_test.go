package sql

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
)

// twoUsers returns users with every kind of identifier.
func twoUsers() (users []identity.ImportedUser) {
	for _, name := range []string{"ann", "bob"} {
		e := identity.ExternalIdentity{AccountKey: identity.AccountKey{Platform: "p", App: "a", Subject: name},
			UnionID: name, OpenPlatform: "o"}
		users = append(users, identity.ImportedUser{ID: "legacy-" + name, Username: name,
			Identities: []identity.ExternalIdentity{e}})
	}
	return users
}

// TestImportLooksUpByWholeKeys checks the plans that PostgreSQL uses while tables grow and their statistics are old.
func TestImportLooksUpByWholeKeys(t *testing.T) {
	database := migrated.Copy(t)
	proxiedURL, proxy := startProxy(t, database)
	db := openMigratedURL(t, proxiedURL, 0)
	o := newOperator(t, database)
	o.do("SET plan_cache_mode = force_generic_plan")
	proxy.take()
	_, err := db.Imports().Import(t.Context(), twoUsers())
	require.NoError(t, err)
	var plans []string
	for _, statement := range proxy.take() {
		if strings.HasPrefix(statement, "WITH wanted") {
			plans = append(plans, o.plan(statement))
		}
	}
	const wanted = `Values Scan on "*VALUES*"; `
	require.ElementsMatch(t, []string{
		wanted + `Index Scan using users_pkey on users; Index Cond: (id = "*VALUES*".column1)`,
		wanted + `Index Scan using users_username_key_key on users; Index Cond: (username_key = "*VALUES*".column1)`,
		wanted + `Index Scan using users_username_skeleton on users; Index Cond: ` +
			`(username_skeleton = "*VALUES*".column1)`,
		wanted + `Index Scan using accounts_pkey on accounts; Index Cond: ` +
			`((platform = ?) AND (app = ?) AND (subject = "*VALUES*".column1))`,
		wanted + `Index Scan using unions_pkey on unions; Index Cond: ` +
			`((platform = ?) AND (open_platform = ?) AND (union_id = "*VALUES*".column1))`,
	}, plans)
}

func TestImportLooksUpByWholeKeysInSQLite(t *testing.T) {
	plain := openMigrated(t)
	db, executed := recorded(plain)
	_, err := db.Imports().Import(t.Context(), twoUsers())
	require.NoError(t, err)
	var plans []string
	for _, statement := range executed.statements {
		if strings.HasPrefix(statement, "WITH wanted") {
			plans = append(plans, plan(t, plain, statement))
		}
	}
	require.Len(t, plans, 5)
	for _, searches := range []string{
		"SEARCH users USING INDEX sqlite_autoindex_users_1 (id=?)",
		"SEARCH users USING INDEX sqlite_autoindex_users_2 (username_key=?)",
		"SEARCH users USING INDEX users_username_skeleton (username_skeleton=?)",
		"SEARCH accounts USING PRIMARY KEY (platform=? AND app=? AND subject=?)",
		"SEARCH unions USING PRIMARY KEY (platform=? AND open_platform=? AND union_id=?)",
	} {
		require.Contains(t, strings.Join(plans, "\n"), searches)
	}
}
