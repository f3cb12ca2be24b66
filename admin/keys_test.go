package admin_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/admin"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/keys"
	"github.com/lingpai/lingpai/wechat"
)

func newPEM(t *testing.T) []byte {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	require.NoError(t, err)
	der, err := x509.MarshalPKCS8PrivateKey(key)
	require.NoError(t, err)
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

// createKeys creates the keys that a server creates when it starts.
func (e *env) createKeys(t *testing.T) {
	t.Helper()
	_, err := keys.Open(t.Context(), e.database.Keys(), e.ring, keys.Options{Now: time.Now, Policy: e.policy})
	require.NoError(t, err)
}

func (e *env) keysIn(t *testing.T, state keys.State, purpose keys.Purpose) []admin.KeyView {
	t.Helper()
	all, err := e.newKeys(nil).List(t.Context(), operator) // needs no master key
	require.NoError(t, err)
	var found []admin.KeyView
	for _, key := range all {
		if key.State == state && key.Purpose == purpose {
			found = append(found, key)
		}
	}
	return found
}

func (e *env) lastEvent(t *testing.T) identity.Event {
	t.Helper()
	events, err := e.database.Events().List(t.Context(), identity.EventsOf{}, 1)
	require.NoError(t, err)
	require.Len(t, events, 1)
	return events[0]
}

func TestRotateAndRevoke(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.policy.Signing.Announce, e.policy.Refresh.Announce = 0, 0
	e.keys = e.newKeys(e.ring)
	e.createKeys(t)
	before := e.keysIn(t, keys.Active, keys.Signing)[0]
	require.Regexp(t, "^is replaced at ", before.Next)
	require.Regexp(t, "^may be used from ", e.keysIn(t, keys.Announced, keys.Signing)[0].Next)
	inUse, err := e.keys.Rotate(ctx, operator, keys.Signing)
	require.NoError(t, err)
	require.NotEqual(t, before.ID, inUse.ID)
	require.Equal(t, []string{identity.EventKeyRotated, inUse.ID}, kindAndDetail(e.lastEvent(t)))
	require.Regexp(t, "^gone at ", e.keysIn(t, keys.Retired, keys.Signing)[0].Next)

	e.createKeys(t) // a server creates the next one
	revoked, err := e.keys.Revoke(ctx, operator, inUse.ID)
	require.NoError(t, err)
	require.Equal(t, inUse.ID, revoked.Key.ID)
	require.True(t, revoked.Replaced)
	require.Equal(t, e.keysIn(t, keys.Active, keys.Signing)[0].ID, revoked.InUse.ID)
	require.Equal(t, []string{identity.EventKeyRevoked, inUse.ID}, kindAndDetail(e.lastEvent(t)))
	notInUse, err := e.keys.Revoke(ctx, operator, before.ID)
	require.NoError(t, err)
	require.False(t, notInUse.Replaced)

	_, err = e.keys.Rotate(ctx, operator, "sealing")
	requireField(t, err, "purpose", `"sealing" is neither signing nor refresh`)
	none, err := e.keys.Revoke(ctx, operator, "nothing")
	require.Error(t, err)
	require.Empty(t, none.Key.ID)
}

func kindAndDetail(event identity.Event) []string { return []string{event.Kind, event.Detail} }

func TestRotateNeedsAnAnnouncedKey(t *testing.T) {
	e := newEnv(t)
	e.createKeys(t)
	inUse, err := e.keys.Rotate(t.Context(), operator, keys.Signing)
	require.Error(t, err)
	require.Empty(t, inUse.ID)
	require.Empty(t, e.recorded(t, ""))
}

func TestImportedKeySignsNext(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	first, err := e.keys.Import(ctx, operator, newPEM(t))
	require.NoError(t, err)
	require.Equal(t, first.ID, first.InUse, "there was no other")
	e.createKeys(t)
	second, err := e.keys.Import(ctx, operator, newPEM(t))
	require.NoError(t, err)
	require.Equal(t, first.ID, second.InUse)
	require.Regexp(t, "^may be used from ", second.Next)
	require.Regexp(t, "^is replaced at ", second.InUseNext)
	require.Equal(t, []string{identity.EventKeyImported, second.ID}, kindAndDetail(e.lastEvent(t)))
	waiting := e.keysIn(t, keys.Announced, keys.Signing)
	require.Len(t, waiting, 2)
	require.Equal(t, "after "+second.ID, waiting[1].Next)

	jwks, err := e.keys.PublicJWKS(ctx, operator)
	require.NoError(t, err)
	require.Contains(t, string(jwks), second.ID)
	text, err := e.keys.PublicPEM(ctx, operator)
	require.NoError(t, err)
	require.Contains(t, string(text), "BEGIN PUBLIC KEY")
	_, err = e.keys.Import(ctx, operator, []byte("no key"))
	require.Error(t, err)
}

func TestKeysDoNotChangeWithoutAuditEvent(t *testing.T) {
	e := newEnv(t)
	e.policy.Signing.Announce = 0
	e.keys = e.newKeys(e.ring)
	e.createKeys(t)
	before, err := e.database.Keys().Keys(t.Context())
	require.NoError(t, err)
	ctx, nobody := t.Context(), identity.Actor{Name: "\x00"} // no database stores NUL
	k := admin.NewKeys(admin.KeysConfig{Store: e.database.Keys(), Clock: e.database.Clock, Policy: e.policy,
		Ring: e.ring})
	require.Error(t, errorOf(k.Rotate(ctx, nobody, keys.Signing)))
	require.Error(t, errorOf(k.Import(ctx, nobody, newPEM(t))))
	require.Error(t, errorOf(k.Revoke(ctx, nobody, e.keysIn(t, keys.Active, keys.Signing)[0].ID)))
	require.Error(t, k.Rewrap(ctx, nobody, nil))
	after, err := e.database.Keys().Keys(ctx)
	require.NoError(t, err)
	require.Equal(t, before, after)
	require.Empty(t, e.recorded(t, ""))
}

func TestCheckMasterKey(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	other := e.newKeys(newRing(t))
	require.NoError(t, other.CheckMasterKey(ctx, operator), "there is nothing to compare it with")
	e.createKeys(t)
	require.NoError(t, e.keys.CheckMasterKey(ctx, operator))
	require.NoError(t, e.newKeys(nil).CheckMasterKey(ctx, operator))
	require.Error(t, other.CheckMasterKey(ctx, operator))
}

// vault records the accounts whose session keys were read.
type vault struct{ looked map[string]bool }

func (v vault) Reseal(_ context.Context, account wechat.Account, _ func([]byte) bool) (bool, error) {
	if v.looked != nil {
		v.looked[account.AppID+" "+account.OpenID] = true
	}
	return account.AppID == appID, nil
}

func TestRewrapIsRecorded(t *testing.T) {
	e := newEnv(t)
	ctx := t.Context()
	e.createKeys(t)
	require.NoError(t, e.apps.Add(ctx, operator, newApp(appID)))
	e.duplicates(t, "o1")
	broken := errors.New("connection refused")
	err := e.keys.Rewrap(ctx, operator, func(context.Context, admin.Rewrapped) error { return broken })
	require.ErrorIs(t, err, broken)

	looked := map[string]bool{}
	err = e.keys.Rewrap(ctx, operator, func(ctx context.Context, sealed admin.Rewrapped) error {
		require.Equal(t, admin.Rewrapped{}, sealed, "nothing is encrypted with an older master key")
		resealed, err := e.keys.RewrapSessionKeys(ctx, operator, vault{looked}, nil)
		require.Equal(t, 1, resealed)
		return err
	})
	require.NoError(t, err)
	require.Equal(t, map[string]bool{appID + " o1": true, otherApp + " o1": true}, looked)
	require.Equal(t, []string{identity.EventKeysRewrapped, e.ring.First()}, kindAndDetail(e.lastEvent(t)))
}
