package sql

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

const appSecret = "simulator-e5b1c0ffee0ddba11"

func newApp(id string) identity.App {
	return identity.App{Platform: identity.PlatformWechat, ID: id, Kind: identity.KindMiniProgram, Secret: appSecret}
}

// openSealed opens a database with an app in it, and returns its path.
func openSealed(t *testing.T, ring *keys.Ring) (*DB, string) {
	t.Helper()
	path := databasePath(t)
	db := openAt(t, path, ring)
	_, err := db.MigrateUp(t.Context())
	require.NoError(t, err)
	require.NoError(t, db.Apps().Add(t.Context(), newApp("wx1")))
	return db, path
}

func TestAppSecretsAreNotInTheFiles(t *testing.T) {
	db, path := openSealed(t, newRing(t))
	require.NoError(t, db.Apps().Add(t.Context(), newApp("wx2")))
	require.NoError(t, db.Apps().SetSecret(t.Context(), identity.PlatformWechat, "wx2", appSecret+"-new"))
	found, err := db.Apps().Find(t.Context(), identity.PlatformWechat, "wx2")
	require.NoError(t, err)
	require.Equal(t, appSecret+"-new", found.Secret.Reveal())

	files, err := filepath.Glob(path + "*")
	require.NoError(t, err)
	require.Greater(t, len(files), 1, "the write-ahead log stands beside the file")
	everything := []byte{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		everything = append(everything, content...)
	}
	require.True(t, bytes.Contains(everything, []byte("wx2")), "these are the files")
	require.False(t, bytes.Contains(everything, []byte(appSecret)))
}

func TestAppSecretsStayClosedWithoutRing(t *testing.T) {
	_, path := openSealed(t, newRing(t))
	db := openAt(t, path, nil)
	found, err := db.Apps().Find(t.Context(), identity.PlatformWechat, "wx1")
	require.NoError(t, err)
	require.Equal(t, "wx1", found.ID)
	require.Empty(t, found.Secret.Reveal())
	require.Error(t, db.Apps().Add(t.Context(), newApp("wx2")), "nothing is kept in clear")
	require.Error(t, db.Apps().SetSecret(t.Context(), identity.PlatformWechat, "wx1", "other"))
	require.EqualValues(t, 1, count(t, db, "apps"))
}

func TestAppSecretsDoNotOpenWithAnotherRing(t *testing.T) {
	_, path := openSealed(t, newRing(t))
	db := openAt(t, path, newRing(t))
	found, err := db.Apps().Find(t.Context(), identity.PlatformWechat, "wx1")
	require.Error(t, err)
	require.NotErrorIs(t, err, identity.ErrNotFound)
	require.Empty(t, found.Secret.Reveal())
	listed, err := db.Apps().List(t.Context())
	require.NoError(t, err, "a list opens nothing")
	require.Len(t, listed, 1)
}

func TestAppSecretsDoNotOpenInAnotherRow(t *testing.T) {
	db, _ := openSealed(t, newRing(t))
	require.NoError(t, db.Apps().Add(t.Context(), newApp("wx2")))
	require.NoError(t, db.write.Exec("UPDATE apps SET sealed_secret = (SELECT sealed_secret FROM apps WHERE id = 'wx1') WHERE id = 'wx2'").Error)
	_, err := db.Apps().Find(t.Context(), identity.PlatformWechat, "wx2")
	require.ErrorIs(t, err, keys.ErrSealBroken)
}
