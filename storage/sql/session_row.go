package sql

import (
	"errors"

	"github.com/lingpai/lingpai/identity"
)

type sessionRow struct {
	ID              string
	UserID          string
	AccountPlatform *string
	AccountApp      *string
	AccountSubject  *string
	ClientID        string
	Scope           string
	Method          string
	AuthTime        int64
	Generation      int64
	Rotations       []byte
	OpenedBy        []byte
	SecretHash      []byte
	IdleExpiresAt   int64
	ExpiresAt       int64
	LastSeenAt      int64
	Device          string
	EndedAt         *int64
	EndReason       string
}

// sessionColumns are read in the order of targets.
const sessionColumns = `id, user_id, account_platform, account_app, account_subject, client_id, scope, method, auth_time, generation, rotations,
	opened_by, secret_hash, idle_expires_at, expires_at, last_seen_at, device, ended_at, end_reason`

func (r *sessionRow) targets() []any {
	return []any{
		&r.ID, &r.UserID, &r.AccountPlatform, &r.AccountApp, &r.AccountSubject, &r.ClientID, &r.Scope, &r.Method,
		&r.AuthTime, &r.Generation,
		&r.Rotations, &r.OpenedBy, &r.SecretHash, &r.IdleExpiresAt, &r.ExpiresAt, &r.LastSeenAt, &r.Device,
		&r.EndedAt, &r.EndReason,
	}
}

func (r *sessionRow) session() (identity.Session, error) {
	rotations, err := decodeRotations(r.Rotations)
	if err == nil && (len(r.SecretHash) != 32 || r.Generation < 0 || r.Generation > 1<<32-1) {
		err = errors.New("the row of a session is damaged")
	}
	if err != nil {
		return identity.Session{}, err
	}
	session := identity.Session{
		ID: r.ID, UserID: r.UserID, ClientID: r.ClientID, Scope: r.Scope, Method: r.Method,
		AuthTime:   instant(&r.AuthTime),
		Generation: uint32(r.Generation), Rotations: rotations, OpenedBy: r.OpenedBy,
		SecretHash:    [32]byte(r.SecretHash),
		IdleExpiresAt: instant(&r.IdleExpiresAt), ExpiresAt: instant(&r.ExpiresAt), LastSeenAt: instant(&r.LastSeenAt),
		Device: r.Device, EndedAt: instant(r.EndedAt), EndReason: r.EndReason,
	}
	if r.AccountPlatform != nil && r.AccountApp != nil && r.AccountSubject != nil {
		session.Account = identity.AccountKey{Platform: *r.AccountPlatform, App: *r.AccountApp,
			Subject: *r.AccountSubject}
	}
	return session, nil
}
