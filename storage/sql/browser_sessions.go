package sql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"

	"gorm.io/gorm"

	"github.com/lingpai/lingpai/identity"
)

// BrowserSessions implements identity.BrowserSessions.
type BrowserSessions struct{ db *DB }

var _ identity.BrowserSessions = (*BrowserSessions)(nil)

// BrowserSessions returns the store of browser sessions.
func (db *DB) BrowserSessions() *BrowserSessions { return &BrowserSessions{db} }

// liveBrowserSession is the condition for an active browser session b of a user u at the time now.
const liveBrowserSession = `b.ended_at IS NULL AND b.idle_expires_at > now AND b.expires_at > now
	AND b.epoch = u.auth_epoch AND u.disabled_at IS NULL AND u.joined_into IS NULL`

// Open implements identity.BrowserSessions. Like openSession, it locks the user until the transaction ends, and then
// the session of HandedBy, so that what ends that one is either seen here or sees the new session. Last it locks the
// session that is replaced: a session of a client that is being opened from it either exists already and moves, or is
// refused.
func (s *BrowserSessions) Open(ctx context.Context, session identity.BrowserSession, lifetimes identity.Lifetimes,
	replaced string) (identity.BrowserSession, error) {
	if err := storable(session.ID, session.UserID, session.Account.Platform, session.Account.App,
		session.Account.Subject, session.ClientID, session.HandedBy, session.Method, session.Device,
		replaced); err != nil {
		return session, err
	}
	platform, app, subject := accountColumns(session.Account)
	share := s.db.dialect.forShare
	err := s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		session.LastSeenAt, session.ExpiresAt = now, now.Add(lifetimes.Absolute).Truncate(time.Millisecond)
		session.IdleExpiresAt = now.Add(min(lifetimes.Idle, lifetimes.Absolute)).Truncate(time.Millisecond)
		if session.AuthTime.IsZero() {
			session.AuthTime = now
		}
		// Without the space, gorm would take the hash for a list.
		err := changed(tx.Exec(`WITH u AS (SELECT id, auth_epoch FROM users
				WHERE id = ? AND disabled_at IS NULL AND joined_into IS NULL AND auth_epoch = ?`+share+`)
			INSERT INTO browser_sessions (user_id, id, secret_hash, epoch, account_platform, account_app,
				account_subject, client_id, handed_by, method, auth_time, device, idle_expires_at, expires_at,
				last_seen_at)
			SELECT u.id, CAST(? AS TEXT), CAST( ? AS `+s.db.dialect.bytes+`), u.auth_epoch, CAST(? AS TEXT),
				CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT), CAST(? AS TEXT),
				CAST(? AS BIGINT), CAST(? AS TEXT), CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT)
			FROM u WHERE CAST(? AS TEXT) = '' OR EXISTS (SELECT 1 FROM sessions s
				WHERE s.id = ? AND s.user_id = u.id AND s.ended_at IS NULL`+share+`)`, session.UserID, session.Epoch,
			session.ID, session.SecretHash[:], platform, app, subject, session.ClientID, session.HandedBy,
			session.Method, session.AuthTime.UnixMilli(), session.Device, session.IdleExpiresAt.UnixMilli(),
			session.ExpiresAt.UnixMilli(), now.UnixMilli(), session.HandedBy, session.HandedBy))
		if errors.Is(err, identity.ErrNotFound) {
			return identity.ErrStale
		}
		if err != nil || replaced == "" {
			return err
		}
		return replaceBrowserSession(tx, now, session, replaced)
	})
	return session, err
}

// replaceBrowserSession ends a browser session of the same user. The sessions that came from it, also those that are
// over, then belong to the new one, so that their clients learn when that ends.
func replaceBrowserSession(tx *gorm.DB, now time.Time, by identity.BrowserSession, replaced string) error {
	ended, err := endBrowserSessions(tx, now, identity.EndedByRenewal, "id = ? AND user_id = ?", replaced, by.UserID)
	if err != nil || ended == 0 {
		return err
	}
	return wrote(tx.Exec("UPDATE sessions SET browser_session_id = ? WHERE user_id = ? AND browser_session_id = ?",
		by.ID, by.UserID, replaced))
}

// findBrowserSessions is one of the hot statements, since every authorization request begins with it.
const findBrowserSessions = "WITH clock AS (SELECT {clock} AS now) SELECT now, " + browserSessionColumns + ", " +
	userColumns + ` FROM clock, browser_sessions b JOIN users u ON u.id = b.user_id
	WHERE b.secret_hash IN (?, ?, ?, ?, ?) AND ` + liveBrowserSession

// Find implements identity.BrowserSessions. It asks for the time by a second statement only if there is no active
// session.
func (s *BrowserSessions) Find(ctx context.Context, secretHashes ...[32]byte) ([]identity.SignedIn, time.Time, error) {
	if len(secretHashes) > identity.MaxBrowserSessions {
		return nil, time.Time{}, fmt.Errorf("a browser has at most %d sessions", identity.MaxBrowserSessions)
	}
	var found map[[32]byte]identity.SignedIn
	var now int64
	if len(secretHashes) > 0 {
		var values [identity.MaxBrowserSessions]any // the last one is repeated, as in FindByOpening
		for n := range values {
			values[n] = secretHashes[min(n, len(secretHashes)-1)][:]
		}
		err := s.db.hot.findBrowserSessions.rows(ctx, func(rows *sql.Rows) error {
			found = make(map[[32]byte]identity.SignedIn, len(secretHashes))
			for rows.Next() {
				var session browserSessionRow
				var user userRow
				targets := append(append([]any{&now}, session.targets()...), user.targets()...)
				if err := rows.Scan(targets...); err != nil {
					return err
				}
				signedIn := identity.SignedIn{BrowserSession: session.session(), User: user.user()}
				found[signedIn.SecretHash] = signedIn
			}
			return nil
		}, values[:]...)
		if err != nil {
			return nil, time.Time{}, err
		}
	}
	if len(found) == 0 {
		clock, err := s.db.Clock(ctx)
		return nil, clock, err
	}
	signedIn := make([]identity.SignedIn, 0, len(found))
	for _, hash := range secretHashes {
		if one, ok := found[hash]; ok {
			signedIn = append(signedIn, one)
			delete(found, hash) // a hash may be given twice
		}
	}
	return signedIn, instant(&now), nil
}

var touchBrowserSession = `WITH clock AS (SELECT {clock} AS now)
	UPDATE browser_sessions AS b SET last_seen_at = now, idle_expires_at =
		CASE WHEN now + CAST(? AS BIGINT) < expires_at THEN now + CAST(? AS BIGINT) ELSE expires_at END
	FROM clock, users u
	WHERE b.id = ? AND u.id = b.user_id AND ` + liveBrowserSession + `
		AND (b.last_seen_at <= now - ` + strconv.FormatInt(identity.BrowserTouchInterval.Milliseconds(), 10) + `
			OR b.last_seen_at = b.auth_time)`

// Touch implements identity.BrowserSessions.
func (s *BrowserSessions) Touch(ctx context.Context, id string, idle time.Duration) error {
	if storable(id) != nil {
		return nil
	}
	_, err := s.db.hot.touchBrowserSession.exec(ctx, idle.Milliseconds(), idle.Milliseconds(), id)
	return err
}

// List implements identity.BrowserSessions.
func (s *BrowserSessions) List(ctx context.Context, userID string) ([]identity.BrowserSession, error) {
	if storable(userID) != nil {
		return nil, nil
	}
	clock, err := s.db.Clock(ctx)
	if err != nil {
		return nil, err
	}
	return listed(s.db.read.WithContext(ctx), browserSessionRow.session,
		`WITH clock AS (SELECT CAST(? AS BIGINT) AS now)
		SELECT b.* FROM clock, browser_sessions b JOIN users u ON u.id = b.user_id
		WHERE b.user_id = ? AND `+liveBrowserSession+" ORDER BY b.last_seen_at DESC, b.id DESC",
		clock.UnixMilli(), userID)
}

// End implements identity.BrowserSessions. Sessions with the scope offline_access may outlive the sign-out (OpenID
// Connect Core §11).
func (s *BrowserSessions) End(ctx context.Context, id, reason string, all bool) (ended bool, err error) {
	if storable(id) != nil {
		return false, nil
	}
	if err := storable(reason); err != nil {
		return false, err
	}
	and := " AND browser_session_id = ?"
	if !all { // the list is enclosed in spaces, so that only a whole scope matches
		and += " AND " + s.db.dialect.position + "(' ' || scope || ' ', ' offline_access ') = 0"
	}
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		var userID string
		err := one(tx.Raw("UPDATE browser_sessions SET ended_at = ?, end_reason = ? WHERE id = ? AND ended_at IS NULL "+
			"RETURNING user_id", now.UnixMilli(), reason, id), &userID)
		ended = err == nil
		if errors.Is(err, identity.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		sessions, err := endSessions(tx, now, identity.EndedBySignOut, userID, and, id)
		if err != nil {
			return err
		}
		if err := addNotices(tx, now, "user_id = ? AND browser_session_id = ?", userID, id); err != nil {
			return err
		}
		return recordEvent(tx, now, identity.Event{Kind: identity.EventSessionEnded, UserID: userID, SessionID: id,
			Detail: fmt.Sprintf("%s: in a browser, with %d sessions of clients", reason, sessions)})
	})
	return ended && err == nil, err
}

// Prune implements identity.BrowserSessions. A session that is only idle is not over: until its absolute expiry, its
// user may sign out by an ID token of a session that came from it.
func (s *BrowserSessions) Prune(ctx context.Context, keep time.Duration, batch int) (pruned int, err error) {
	err = s.db.transaction(ctx, func(tx *gorm.DB, now time.Time) error {
		result := tx.Exec("DELETE FROM browser_sessions WHERE id IN (SELECT id FROM browser_sessions "+
			"WHERE coalesce(ended_at, expires_at) < ? ORDER BY coalesce(ended_at, expires_at) LIMIT ?)",
			now.Add(-keep).UnixMilli(), batch)
		pruned = int(result.RowsAffected)
		return wrote(result)
	})
	return pruned, err
}

// endBrowserSessions ends browser sessions that meet a condition, and returns how many. Their clients are notified,
// unless another browser session takes their place. The caller ends the sessions that came from them afterwards, since
// openSession locks the browser session until it is done.
func endBrowserSessions(tx *gorm.DB, now time.Time, reason, where string, values ...any) (int64, error) {
	if err := storable(reason); err != nil {
		return 0, err
	}
	ended := append([]any{now.UnixMilli(), reason}, values...)
	result := tx.Exec("UPDATE browser_sessions SET ended_at = ?, end_reason = ? WHERE ended_at IS NULL AND "+where,
		ended...)
	if err := wrote(result); err != nil || result.RowsAffected == 0 || reason == identity.EndedByRenewal {
		return result.RowsAffected, err
	}
	return result.RowsAffected, addNotices(tx, now, "(user_id, browser_session_id) IN (SELECT user_id, id FROM "+
		"browser_sessions WHERE ended_at = ? AND end_reason = ? AND "+where+")", ended...)
}

// nextEpoch increases the epoch of users, so that nothing can be opened for a user who was read before. Browser
// sessions go on unless the caller ends them.
func nextEpoch(tx *gorm.DB, userIDs ...string) error {
	if err := changed(tx.Exec("UPDATE users SET auth_epoch = auth_epoch + 1 WHERE id IN ?", userIDs)); err != nil {
		return err
	}
	return wrote(tx.Exec("UPDATE browser_sessions SET epoch = epoch + 1 WHERE user_id IN ? AND ended_at IS NULL AND "+
		"epoch = (SELECT auth_epoch - 1 FROM users WHERE users.id = user_id)", userIDs))
}

type browserSessionRow struct {
	ID              string
	UserID          string
	SecretHash      []byte
	Epoch           int64
	AccountPlatform *string
	AccountApp      *string
	AccountSubject  *string
	ClientID        string
	HandedBy        string
	Method          string
	AuthTime        int64
	Device          string
	IdleExpiresAt   int64
	ExpiresAt       int64
	LastSeenAt      int64
	EndedAt         *int64
	EndReason       string
}

// browserSessionColumns are in the order of targets.
const browserSessionColumns = "b.id, b.user_id, b.secret_hash, b.epoch, b.account_platform, b.account_app, " +
	"b.account_subject, b.client_id, b.handed_by, b.method, b.auth_time, b.device, b.idle_expires_at, b.expires_at, " +
	"b.last_seen_at, b.ended_at, b.end_reason"

func (r *browserSessionRow) targets() []any {
	return []any{
		&r.ID, &r.UserID, &r.SecretHash, &r.Epoch, &r.AccountPlatform, &r.AccountApp, &r.AccountSubject, &r.ClientID,
		&r.HandedBy, &r.Method, &r.AuthTime, &r.Device, &r.IdleExpiresAt, &r.ExpiresAt, &r.LastSeenAt, &r.EndedAt,
		&r.EndReason,
	}
}

func (r browserSessionRow) session() identity.BrowserSession {
	session := identity.BrowserSession{
		ID: r.ID, UserID: r.UserID, Epoch: r.Epoch,
		Account:  accountKey(r.AccountPlatform, r.AccountApp, r.AccountSubject),
		ClientID: r.ClientID, HandedBy: r.HandedBy, Method: r.Method,
		AuthTime: instant(&r.AuthTime), Device: r.Device, IdleExpiresAt: instant(&r.IdleExpiresAt),
		ExpiresAt: instant(&r.ExpiresAt), LastSeenAt: instant(&r.LastSeenAt), EndedAt: instant(r.EndedAt),
		EndReason: r.EndReason,
	}
	copy(session.SecretHash[:], r.SecretHash)
	return session
}
