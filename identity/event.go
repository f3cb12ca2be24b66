package identity

import (
	"context"
	"log/slog"
	"time"
)

// Kinds of events in the audit log.
const (
	EventSessionEnded      = "session.ended"
	EventRefreshRefused    = "refresh.refused"   // a token that its session cannot move on from
	EventRefreshClock      = "refresh.clock"     // retired in the future: the clock was set back
	EventRefreshAhead      = "refresh.ahead"     // a token newer than its row: the store lost its last commits
	EventUnionConflict     = "union.conflict"    // a union id that belongs to another user, or changed
	EventUserBlocked       = "wechat.blocked"    // WeChat classifies a user as a high risk, without naming the user
	EventSignInFailed      = "sign_in.failed"    // a wrong password or code; sampled; Detail: the hash of the name
	EventSignInThrottled   = "sign_in.throttled" // a limit refused a sign-in; sampled; Detail: the limit and the hash
	EventLimitReached      = "limit.reached"     // another limit refused something; sampled; Detail: the limit
	EventAppTokenGiven     = "wechat.app_token"  // a client received an app's token; logged at most once an hour
	EventClientCreated     = "client.created"
	EventClientUpdated     = "client.updated" // Detail: the names of the fields that changed
	EventClientSecret      = "client.secret_rotated"
	EventClientRefreshKeys = "client.refresh_keys_set"    // Detail: on or off
	EventLegacyAudience    = "client.legacy_audience_set" // Detail: off, or until
	EventClientDisabled    = "client.disabled"
	EventAppUpdated        = "app.updated" // Detail: platform, app and the names of the fields that changed
	EventAppAdded          = "app.added"   // Detail: platform and app; the next three, too
	EventAppRemoved        = "app.removed"
	EventAppSecret         = "app.secret_rotated"
	EventAppOpen           = "app.open_platform_set"
	EventAppPhoneBudget    = "app.phone_budget_set" // Detail: platform, app and budget
	EventAppPush           = "app.push_set"         // Detail: platform, app and mode, or off
	EventUserCreated       = "user.created"         // with a username and a password
	EventUserDisabled      = "user.disabled"
	EventUserEnabled       = "user.enabled"
	EventPasswordSet       = "user.password_set"
	EventHashRenewed       = "user.password_hash_renewed" // at sign-in: same password, this server's hash
	EventRoleGranted       = "user.role_granted"          // Detail: the role; the next one, too
	EventRoleRevoked       = "user.role_revoked"
	EventClaimsSet         = "user.claims_set" // without detail, since claims may be personal data
	EventUserNamed         = "user.named"
	EventRegistered        = "user.registered" // users who registered themselves, with ClientID; follows user.created
	EventPhoneSet          = "user.phone_set"  // Detail: whether it was verified, or removed; not the number
	EventLinked            = "user.linked"     // Detail: platform and app; the next one, too
	EventUnlinked          = "user.unlinked"
	EventConsentGranted    = "consent.granted"   // Detail: the scopes, and the resource if the request named one
	EventConsentWithdrawn  = "consent.withdrawn" // its sessions at the client ended
	EventScanApproved      = "scan.approved"     // a screen signs in; ClientID: who asks; Detail: the screen's address
	EventScanDenied        = "scan.denied"       // the next two, too
	EventScanMismatch      = "scan.mismatch"     // denied: another number was chosen than the one on the screen
	EventScanReported      = "scan.reported"     // denied: the user knows nothing of it
	EventExported          = "user.exported"
	EventDeletionRequested = "user.deletion_requested"
	EventDeletionCancelled = "user.deletion_cancelled"
	EventUserDeleted       = "user.deleted"
	EventUserMerged        = "user.merged"   // UserID: the retired user; Detail: the survivor and what moved
	EventMergeUndone       = "user.unmerged" // UserID and Detail as in user.merged
	// Detail of the next three: the app, what was withdrawn, and what was done.
	EventInfoModified      = "wechat.user_info_modified"
	EventAuthRevoked       = "wechat.user_authorization_revoke"
	EventAuthCancelled     = "wechat.user_authorization_cancellation"
	EventPushRefused       = "wechat.push_refused" // sampled; Detail: the app and the address
	EventPhoneBudget       = "wechat.phone_budget" // an app has used up its monthly budget; Detail: the app
	EventUsersImported     = "users.imported"      // Detail: how many, in one batch
	EventKeyRotated        = "key.rotated"         // by a command; Detail: the key in use now
	EventKeyRevoked        = "key.revoked"         // Detail: the key; the next one, too
	EventKeyImported       = "key.imported"
	EventNoticeUndelivered = "logout_notice.undelivered" // to the session's client; Detail: why
	EventKeysRewrapped     = "keys.rewrapped"            // Detail: the master key that seals them now
)

// Event is an entry of the audit log. It contains no secret and no token.
type Event struct {
	At        time.Time // set by the store
	Kind      string
	UserID    string
	ClientID  string
	SessionID string
	Detail    string
	Actor     Actor // set by the store, from [WithActor]

	// Count is how many events the entry stands for, set by the store. It is more than 1 for an event that was repeated
	// often: the other fields are of the first one, and the others are like it.
	Count  int
	LastAt time.Time // of the last one; set by the store
}

// Sampled reports whether strangers can cause events of a kind, so that only some are recorded: each with the address.
func (e Event) Sampled() bool {
	return e.Kind == EventSignInFailed || e.Kind == EventSignInThrottled || e.Kind == EventLimitReached ||
		e.Kind == EventPushRefused
}

// Events stores the audit log.
type Events interface {
	// Record adds an event. If ten events of a kind, user and client, with the same first word of the detail and
	// without an actor, have been added within an hour, it only increases the count of the last one.
	Record(ctx context.Context, event Event) error
	// List returns at most limit events that match of, the newest first.
	List(ctx context.Context, of EventsOf, limit int) ([]Event, error)
	// Prune deletes the oldest events that are older than keep, at most batch of them, and returns how many it deleted.
	Prune(ctx context.Context, keep time.Duration, batch int) (int, error)
}

// RecordOrLog records an event of a request whose outcome is already decided: a failure is only logged. It records
// the event even if the context has ended.
func RecordOrLog(ctx context.Context, events Events, logger *slog.Logger, event Event) {
	if err := events.Record(context.WithoutCancel(ctx), event); err != nil {
		logger.ErrorContext(ctx, "cannot write the audit log", "kind", event.Kind, "user", event.UserID, "error", err)
	}
}

// FirstWithin reports whether an event is the first of its kind in a period, on any replica, about what parts identify.
// It is for events that callers can cause at will: only the first is recorded, so that they cannot flood the audit log.
// If the store fails, FirstWithin logs that an event may be missing, and returns false.
func FirstWithin(ctx context.Context, period time.Duration, store Volatile, logger *slog.Logger, kind string,
	parts ...string) bool {
	first, err := store.PutIfAbsent(ctx, VolatileKey("recorded/"+kind, parts...), []byte{1}, period)
	if err != nil {
		logger.WarnContext(ctx, "an event may be missing in the audit log", "kind", kind, "error", err)
	}
	return first
}

// EventsOf selects events. An empty field matches all.
type EventsOf struct{ Kind, UserID, ClientID, SessionID string }
