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
	for name, damage := range map[string]func(sealed []byte) []byte{
		"cut":                                  func(sealed []byte) []byte { return sealed[:40] },
		"with the id of an unknown master key": func(sealed []byte) []byte { sealed[2] ^= 1; return sealed },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireDamageIsHarmless(t, damage)
		})
	}
}

func requireDamageIsHarmless(t *testing.T, damage func(sealed []byte) []byte) {
	t.Helper()
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
	var sealed []byte
	require.NoError(t, database.QueryRowContext(t.Context(), "SELECT sealed FROM keys WHERE id = ?", id).Scan(&sealed))
	_, err = database.ExecContext(t.Context(), "UPDATE keys SET sealed = ? WHERE id = ?", damage(sealed), id)
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
