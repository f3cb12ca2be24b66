package identity

import (
	"context"
	"time"
)

// Modes of message pushes, as WeChat names them.
const (
	PushSecure     = "secure"     // 安全模式: encrypted
	PushCompatible = "compatible" // 兼容模式: encrypted, and in clear for another program; only the former counts
	PushPlain      = "plain"      // 明文模式: in clear
)

// PushModes returns all modes, the recommended one first.
func PushModes() []string { return []string{PushSecure, PushCompatible, PushPlain} }

// PushKeys are the keys of the message pushes about an app.
type PushKeys struct {
	Token          Secret
	EncodingAESKey Secret
}

// Push is how a platform pushes messages about an app.
type Push struct {
	Platform string
	App      string
	Mode     string
	Keys     PushKeys // sealed at rest
	// FormerKeys are also accepted until FormerUntil, since the operator enters new keys at the platform later. Zero:
	// there are none.
	FormerKeys  PushKeys
	FormerUntil time.Time
	SetAt       time.Time // when Keys were set, by the store's clock
	VerifiedAt  time.Time // when the platform last verified the URL with Keys; zero: never
	ReceivedAt  time.Time // when a message was last received, to about a minute; zero: never
}

// Pushes stores how platforms push messages about apps.
type Pushes interface {
	// Find returns the settings of an app. FormerKeys are set only while they count. It returns ErrNotFound if there
	// are none.
	Find(ctx context.Context, platform, app string) (Push, error)
	// Set stores new keys and the mode of an app, and seals the keys. The keys that they replace become FormerKeys for
	// the duration keep. But if the platform has never verified those, it still uses FormerKeys, which stay for that
	// duration instead. Keys that are unusable are not kept. It returns ErrNotFound for an unknown app.
	Set(ctx context.Context, push Push, keep time.Duration) error
	// SetMode changes the mode of an app. It returns ErrNotFound if there are no settings.
	SetMode(ctx context.Context, platform, app, mode string) error
	// Remove deletes the settings of an app. It returns ErrNotFound if there are none.
	Remove(ctx context.Context, platform, app string) error
	// Verified sets VerifiedAt to now, and Received sets ReceivedAt. They do nothing if there are no settings.
	Verified(ctx context.Context, platform, app string) error
	Received(ctx context.Context, platform, app string) error
	// List returns the settings of all apps, without keys.
	List(ctx context.Context) ([]Push, error)
}
