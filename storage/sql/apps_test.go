package sql

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
)

const appSecret = "simulator-e5b1c0ffee0ddba11"

func newApp(id string) identity.App {
	return identity.App{Platform: identity.PlatformWechat, ID: id, Kind: identity.KindMiniProgram, Secret: appSecret}
}

// openSealed opens a database with one app, and returns the database's path.
func openSealed(t *testing.T, ring *keys.Ring) (*DB, string) {
	t.Helper()
	path := databasePath(t)
	db := openAt(t, path, ring)
	_, err := db.Schema().MigrateUp(t.Context())
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
	require.Greater(t, len(files), 1, "the write-ahead log is a separate file")
	everything := []byte{}
	for _, file := range files {
		content, err := os.ReadFile(file)
		require.NoError(t, err)
		everything = append(everything, content...)
	}
	require.True(t, bytes.Contains(everything, []byte("wx2")), "the files contain the data")
	require.False(t, bytes.Contains(everything, []byte(appSecret)))
}

func TestAppSecretsStaySealedWithoutRing(t *testing.T) {
	_, path := openSealed(t, newRing(t))
	db := openAt(t, path, nil)
	found, err := db.Apps().Find(t.Context(), identity.PlatformWechat, "wx1")
	require.NoError(t, err)
	require.Equal(t, "wx1", found.ID)
	require.Empty(t, found.Secret.Reveal())
	require.Error(t, db.Apps().Add(t.Context(), newApp("wx2")), "nothing is stored in plain text")
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
	require.NoError(t, err, "a list decrypts nothing")
	require.Len(t, listed, 1)
}

func TestAppSecretsDoNotOpenInAnotherRow(t *testing.T) {
	db, _ := openSealed(t, newRing(t))
	require.NoError(t, db.Apps().Add(t.Context(), newApp("wx2")))
	require.NoError(t, db.write.Exec("UPDATE apps SET sealed_secret = (SELECT sealed_secret FROM apps "+
		"WHERE id = 'wx1') WHERE id = 'wx2'").Error)
	_, err := db.Apps().Find(t.Context(), identity.PlatformWechat, "wx2")
	require.ErrorIs(t, err, keys.ErrSealBroken)
}

// TestUnusablePushKeysAreReplaced, and not kept as the former ones, which would make the new ones unusable, too.
func TestUnusablePushKeysAreReplaced(t *testing.T) {
	sealed, path := openSealed(t, newRing(t))
	push := identity.Push{Platform: identity.PlatformWechat, App: "wx1", Mode: identity.PushSecure,
		Keys: identity.PushKeys{Token: "old", EncodingAESKey: "old key"}}
	require.NoError(t, sealed.Apps().Pushes().Set(t.Context(), push, time.Hour))
	require.NoError(t, sealed.Apps().Pushes().Verified(t.Context(), push.Platform, push.App))
	pushes := openAt(t, path, newRing(t)).Apps().Pushes()
	_, err := pushes.Find(t.Context(), push.Platform, push.App)
	require.ErrorIs(t, err, identity.ErrUnusable)
	push.Keys = identity.PushKeys{Token: "token", EncodingAESKey: "key"}
	require.NoError(t, pushes.Set(t.Context(), push, time.Hour))
	found, err := pushes.Find(t.Context(), push.Platform, push.App)
	require.NoError(t, err)
	require.Equal(t, push.Keys, found.Keys)
	require.Zero(t, found.FormerKeys)
	require.Zero(t, found.FormerUntil)
	_, err = pushes.rewrap(t.Context())
	require.NoError(t, err)
}

// TestRewrap seals secrets of an older master key with the first one, and does not touch those that the first one
// sealed.
func TestRewrap(t *testing.T) {
	old, added := newMaster(t), newMaster(t)
	sealed, path := openSealed(t, ringOf(t, old))
	push := identity.Push{Platform: identity.PlatformWechat, App: "wx1", Mode: identity.PushSecure,
		Keys: identity.PushKeys{Token: "old", EncodingAESKey: "old key"}}
	require.NoError(t, sealed.Apps().Pushes().Set(t.Context(), push, time.Hour))
	former := push.Keys
	require.NoError(t, sealed.Apps().Add(t.Context(), newApp("wx3")))
	one := push
	one.App = "wx3" // without former keys
	require.NoError(t, sealed.Apps().Pushes().Set(t.Context(), one, time.Hour))
	push.Keys = identity.PushKeys{Token: "token", EncodingAESKey: "key"}
	require.NoError(t, sealed.Apps().Pushes().Set(t.Context(), push, time.Hour))
	both := openAt(t, path, ringOf(t, added+","+old))
	require.NoError(t, both.Apps().Add(t.Context(), newApp("wx2")))
	count, err := both.Apps().Rewrap(t.Context())
	require.NoError(t, err)
	require.Equal(t, 4, count, "two AppSecrets, and the keys of the pushes of two apps")
	count, err = both.Apps().Rewrap(t.Context())
	require.NoError(t, err)
	require.Zero(t, count)
	alone := openAt(t, path, ringOf(t, added))
	for _, id := range []string{"wx1", "wx2"} {
		found, err := alone.Apps().Find(t.Context(), identity.PlatformWechat, id)
		require.NoError(t, err)
		require.Equal(t, appSecret, found.Secret.Reveal())
	}
	found, err := alone.Apps().Pushes().Find(t.Context(), push.Platform, push.App)
	require.NoError(t, err)
	require.Equal(t, push.Keys, found.Keys)
	require.Equal(t, former, found.FormerKeys)
	found, err = alone.Apps().Pushes().Find(t.Context(), one.Platform, one.App)
	require.NoError(t, err)
	require.Equal(t, one.Keys, found.Keys)
	require.Zero(t, found.FormerUntil)
	_, err = openAt(t, path, ringOf(t, old)).Apps().Rewrap(t.Context())
	require.ErrorContains(t, err, "wx1")
}

var masters int

// newMaster returns a master key with a unique id.
func newMaster(t *testing.T) string {
	t.Helper()
	text, err := keys.NewMasterKey(time.Now())
	require.NoError(t, err)
	masters++
	_, key, _ := strings.Cut(text, ":")
	return fmt.Sprint("m", masters, ":", key)
}

func ringOf(t *testing.T, text string) *keys.Ring {
	t.Helper()
	ring, err := keys.ParseRing(text)
	require.NoError(t, err)
	return ring
}

// TestEachAccount covers more accounts than one query reads, and checks that only those of one platform are returned.
func TestEachAccount(t *testing.T) {
	db, _ := openSealed(t, newRing(t))
	o := db.write.WithContext(t.Context())
	require.NoError(t, o.Exec("INSERT INTO users (id, created_at) WITH RECURSIVE n(i) AS (SELECT 1 UNION "+
		"ALL SELECT i+1 FROM n WHERE i < 2500) SELECT 'u' || i, 0 FROM n").Error)
	require.NoError(t, o.Exec("INSERT INTO accounts SELECT 'wechat', 'wx' || (substr(id, 2) % 2), id, id, "+
		"'', '', 0 FROM users").Error)
	require.NoError(t, o.Exec("INSERT INTO accounts SELECT 'qq', 'q', id, id, '', '', 0 FROM users").Error)
	seen := map[identity.AccountKey]bool{}
	require.NoError(t, db.Accounts().Each(t.Context(), identity.PlatformWechat,
		func(key identity.AccountKey) error {
			require.Equal(t, identity.PlatformWechat, key.Platform)
			seen[key] = true
			return nil
		}))
	require.Len(t, seen, 2500)
	stop := errors.New("stop")
	require.ErrorIs(t, db.Accounts().Each(t.Context(), identity.PlatformWechat,
		func(identity.AccountKey) error { return stop }), stop)
}
