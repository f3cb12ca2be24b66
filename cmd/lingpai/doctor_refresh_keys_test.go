package main

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/sql"
	"github.com/lingpai/lingpai/tokens"
)

// TestDoctorComparesRefreshKeysWithRefreshes checks that doctor names strict clients whose refreshes come without keys,
// and lenient ones whose refreshes all have them, by what their sessions remember.
func TestDoctorComparesRefreshKeysWithRefreshes(t *testing.T) {
	t.Parallel()
	o, _ := healthy(t)
	for id, strict := range map[string]string{"sdk": "true", "forgetful": "true", "by-hand": "true", "careful": "false",
		"mixed": "false", "rare": "false", "formerly": "true"} {
		o.ok("clients", "create", id, "--grant", "wechat_code", "--grant", "refresh_token", "--app", appID,
			"--audience", audience, "--refresh-keys="+strict)
	}
	database, err := sql.Open(t.Context(), sql.Options{URL: "sqlite:" + filepath.Join(o.folder, "lingpai.db")})
	require.NoError(t, err)
	s := sampled{t, database, time.Now()}
	s.refreshes("sdk", 8, 0)
	s.refreshes("forgetful", 8, 1) // as devices without a random source are
	s.refreshes("forgetful", 8, 0)
	s.refreshes("by-hand", 1, 2)
	s.refreshes("careful", 5, 0)
	s.refreshes("mixed", 7, 1)
	s.refreshes("rare", 4, 0)
	s.now = s.now.AddDate(0, 0, -8)
	s.refreshes("formerly", 0, 8)
	require.NoError(t, database.Close())

	findings := o.examined()
	requireFinding(t, findings, "clients", statusWarning, "by-hand: its refresh_keys is on, but 2 of 3 sampled",
		"lingpai clients set-refresh-keys by-hand off")
	requireFinding(t, findings, "clients", statusWarning, "careful: its refresh_keys is off, but all of 5 sampled",
		"lingpai clients set-refresh-keys careful on")
	named := 0
	for _, f := range findings {
		if f.Status != statusOK {
			named++
		}
	}
	require.Equal(t, 2, named, "%+v", findings)
}

// sampled writes sessions that have been refreshed.
type sampled struct {
	t        *testing.T
	database *sql.DB
	now      time.Time
}

func (s *sampled) refreshes(client string, withKey, without int) {
	s.t.Helper()
	ctx := s.t.Context()
	account := identity.AccountKey{Platform: identity.PlatformWechat, App: appID, Subject: "openid"}
	user, _, err := s.database.Accounts().FindOrCreateUser(ctx, identity.ExternalIdentity{AccountKey: account})
	require.NoError(s.t, err)
	session, err := s.database.Sessions().Open(ctx, identity.Session{ID: identity.NewSessionID(), UserID: user.ID,
		ClientID: client, Scope: "openid", Method: "wechat", AuthTime: s.now}, user.AuthEpoch,
		identity.Lifetimes{Idle: time.Hour, Absolute: time.Hour}, 0)
	require.NoError(s.t, err)
	for n := range withKey + without {
		key := tokens.HashKey(session.ID + string(rune('a'+n)))
		if n >= withKey {
			key = nil
		}
		from := session.Generation
		session = tokens.Decide(session, tokens.Refresh{Generation: from, KeyHash: key}, s.now,
			tokens.RotationPolicy{}).Session
		moved, err := s.database.Sessions().Rotate(ctx, session, from)
		require.NoError(s.t, err)
		require.True(s.t, moved)
	}
}
