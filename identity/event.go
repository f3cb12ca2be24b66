package identity

import (
	"context"
	"log/slog"
	"time"
)

// What the audit log tells of.
const (
	EventSessionEnded      = "session.ended"
	EventRefreshRefused    = "refresh.refused"  // another key, or none, within the window of a rotation that had one
	EventRefreshAhead      = "refresh.ahead"    // a token newer than its row: the store lost its last commits
	EventUnionConflict     = "union.conflict"   // a union id that belongs to another user, or changed
	EventUserBlocked       = "wechat.blocked"   // WeChat calls the user a high risk
	EventAppTokenGiven     = "wechat.app_token" // a client got the token of an app; once an hour, however often
	EventClientCreated     = "client.created"
	EventClientSecret      = "client.secret_rotated"
	EventClientDisabled    = "client.disabled"
	EventAppAdded          = "app.added" // Detail: platform and app; likewise the next two
	EventAppSecret         = "app.secret_rotated"
	EventAppOpen           = "app.open_platform_set"
	EventAppPhoneBudget    = "app.phone_budget_set" // Detail: platform, app and budget
	EventUserCreated       = "user.created"         // with a username and a password
	EventUserDisabled      = "user.disabled"
	EventUserEnabled       = "user.enabled"
	EventPasswordSet       = "user.password_set"
	EventHashRenewed       = "user.password_hash_renewed" // the same password under a hash of ours, at a sign-in
	EventRolesSet          = "user.roles_set"             // Detail: all of them
	EventRoleGranted       = "user.role_granted"          // Detail: the role; likewise the next
	EventRoleRevoked       = "user.role_revoked"
	EventClaimsSet         = "user.claims_set" // they may be personal, so they are not repeated
	EventUserNamed         = "user.named"
	EventRegistered        = "user.registered" // beside user.created: by the person, with the client ClientID
	EventPhoneSet          = "user.phone_set"  // Detail: whether it was verified, or removed; not the number
	EventLinked            = "user.linked"     // Detail: platform and app; likewise the next
	EventUnlinked          = "user.unlinked"
	EventExported          = "user.exported"
	EventDeletionRequested = "user.deletion_requested"
	EventDeletionCancelled = "user.deletion_cancelled"
	EventUserDeleted       = "user.deleted"
	EventUserMerged        = "user.merged"         // UserID: who was retired; Detail: the survivor and what moved
	EventMergeUndone       = "user.unmerged"       // likewise
	EventPhoneBudget       = "wechat.phone_budget" // an app has used up its month; Detail: the app
	EventUsersImported     = "users.imported"      // Detail: how many, of one batch
	EventKeyRotated        = "key.rotated"         // by command; Detail: the key in use now
	EventKeyRevoked        = "key.revoked"         // Detail: the key; likewise the next
	EventKeyImported       = "key.imported"
	EventKeysRewrapped     = "keys.rewrapped" // Detail: the master key that seals them now
)

// Event is a line of the audit log. It holds no secret and no token.
type Event struct {
	At        time.Time // set by the store
	Kind      string
	UserID    string
	ClientID  string
	SessionID string
	Detail    string
	Actor     Actor // set by the store, from [WithActor]
}

// Events is what a store does for the audit log.
type Events interface {
	Record(ctx context.Context, event Event) error
	// List returns the newest events of those asked for first, at most limit.
	List(ctx context.Context, of EventsOf, limit int) ([]Event, error)
}

// RecordOrLog writes an event that must not decide the request, whose outcome is decided already: a failure goes to
// the log. It does not end with the context.
func RecordOrLog(ctx context.Context, events Events, logger *slog.Logger, event Event) {
	if err := events.Record(context.WithoutCancel(ctx), event); err != nil {
		logger.ErrorContext(ctx, "cannot write the audit log", "kind", event.Kind, "user", event.UserID, "error", err)
	}
}

// EventsOf says which events are asked for. What is empty counts for all.
type EventsOf struct{ Kind, UserID, ClientID, SessionID string }
