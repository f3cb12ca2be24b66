package sql

import (
	"crypto/sha256"
	"fmt"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/storage/dbtest"
)

// BenchmarkWithdrawals compares withdrawals with a simple write: one that is received, and those that are applied, of a
// user who has a session and a phone number, of one who has nothing any more, and of one who is unknown.
func BenchmarkWithdrawals(b *testing.B) {
	for name, url := range map[string]func() string{
		"SQLite":     func() string { return "sqlite:" + filepath.Join(b.TempDir(), "lingpai.db") },
		"PostgreSQL": func() string { return dbtest.PostgreSQL(b) },
	} {
		b.Run(name, func(b *testing.B) {
			db, err := Open(b.Context(), Options{URL: url()})
			require.NoError(b, err)
			defer db.Close()
			_, err = db.Schema().MigrateUp(b.Context())
			require.NoError(b, err)
			b.Run("event", func(b *testing.B) {
				for n := range b.N {
					event := identity.Event{Kind: identity.EventExported, UserID: fmt.Sprint(n)}
					require.NoError(b, db.Events().Record(b.Context(), event))
				}
			})
			b.Run("received", func(b *testing.B) {
				for range b.N {
					notice := identity.WithdrawalNotice{ID: sha256.Sum256([]byte(identity.NewSessionID())),
						Content: make([]byte, 200)}
					require.NoError(b, db.Apps().Pushes().WithdrawalNotices().Add(b.Context(), notice))
				}
			})
			for _, kind := range []string{"everything", "nothing left", "unknown"} {
				b.Run(kind, func(b *testing.B) { benchmarkWithdrawals(b, db, kind) })
			}
		})
	}
}

func benchmarkWithdrawals(b *testing.B, db *DB, kind string) {
	ctx := identity.WithActor(b.Context(), identity.Actor{Name: "WeChat"})
	withdrawals := make([]identity.Withdrawal, b.N)
	for n := range withdrawals {
		key := identity.AccountKey{Platform: identity.PlatformWechat, App: "wx1", Subject: identity.NewSessionID()}
		withdrawals[n] = identity.Withdrawal{Kind: identity.EventAuthRevoked, Account: key, At: time.Now(),
			Data: identity.WithdrawnData{Suggested: true, Phone: true}, Ends: true}
		if kind == "unknown" {
			continue
		}
		user, _, err := db.Accounts().FindOrCreateUser(ctx, identity.ExternalIdentity{AccountKey: key})
		require.NoError(b, err)
		if kind == "nothing left" {
			continue
		}
		require.NoError(b, db.Profiles().SetPhone(ctx, user.ID, identity.Phone{Number: "+8613800000000"}))
		id := identity.NewSessionID()
		_, err = db.Sessions().Open(ctx, identity.Session{ID: id, UserID: user.ID, Account: key, ClientID: "shop",
			SecretHash: sha256.Sum256([]byte(id))}, user.AuthEpoch, identity.Lifetimes{Idle: time.Hour,
			Absolute: time.Hour}, 0)
		require.NoError(b, err)
	}
	b.ResetTimer()
	for _, w := range withdrawals {
		applied, err := db.Deletions().Withdrawals().Apply(ctx, sha256.Sum256([]byte(w.Account.Subject)), w)
		require.NoError(b, err)
		require.True(b, applied)
	}
}
