package main

import (
	stdsql "database/sql"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestDoctorNamesADamagedKeyThatIsNotInUse, which does not stop the server.
func TestDoctorNamesADamagedKeyThatIsNotInUse(t *testing.T) {
	t.Parallel()
	o := migrated(t, "LINGPAI_SERVER_ISSUER=https://login.example.com")
	p, _ := o.serves()
	require.NoError(t, p.stop())
	id := ""
	for _, key := range o.listed("keys", "list") {
		if key["state"] == "announced" && key["purpose"] == "signing" {
			id = key["id"].(string)
		}
	}
	require.NotEmpty(t, id)
	database, err := stdsql.Open("sqlite", filepath.Join(o.folder, "lingpai.db"))
	require.NoError(t, err)
	_, err = database.ExecContext(t.Context(), "UPDATE keys SET sealed = substr(sealed, 1, 40) WHERE id = ?", id)
	require.NoError(t, err)
	require.NoError(t, database.Close())
	requireFinding(t, o.examined(), "keys", statusFault,
		"the signing key \""+id+"\" in this database, which is not in use, is damaged",
		"lingpai keys revoke --now -- "+id)
	p, _ = o.serves()
	p.logged("a key that is not in use is damaged")
	o.ok("keys", "revoke", "--now", "--", id)
	requireFinding(t, o.examined(), "keys", statusOK, "master_key decrypts all", "")
}
