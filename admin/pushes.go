package admin

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/wechat"
)

// Pushes manages how WeChat pushes messages about apps. It is safe for concurrent use.
type Pushes struct {
	apps   *Apps
	pushes identity.Pushes
}

// NewPushes returns a Pushes for a store.
func NewPushes(apps *Apps, store identity.Pushes) *Pushes { return &Pushes{apps, store} }

// PushOverlap is how long the former keys of an app's pushes are accepted after they were replaced.
const PushOverlap = 7 * 24 * time.Hour

// PushChange is what [Pushes.Set] changes. The zero value changes nothing that is set.
type PushChange struct {
	Mode   string // one of [identity.PushModes]; "": unchanged, or identity.PushSecure
	Rotate bool   // replace the keys; the former ones are accepted for PushOverlap
}

// Set makes random keys for the pushes of an app, unless it has keys and change.Rotate is false, and returns its
// settings with the keys. It returns UnknownError if there is no such app, and RefusedError if the app is not of WeChat
// or the mode is unknown.
func (p *Pushes) Set(ctx context.Context, actor identity.Actor, id string, change PushChange) (identity.Push, error) {
	app, err := p.apps.Find(ctx, actor, id)
	switch {
	case err != nil:
		return identity.Push{}, err
	case app.Platform != identity.PlatformWechat:
		return identity.Push{}, refused(nil, "%s is not an app of WeChat, and only WeChat pushes messages", id)
	case change.Mode != "" && !slices.Contains(identity.PushModes(), change.Mode):
		return identity.Push{}, refused(nil, "the mode of pushes must be one of %s",
			strings.Join(identity.PushModes(), ", "))
	}
	ctx = identity.WithActor(ctx, actor)
	push, err := p.pushes.Find(ctx, app.Platform, id)
	missing := errors.Is(err, identity.ErrNotFound)
	if err != nil && !missing && !change.Rotate { // unusable keys can be replaced
		return identity.Push{}, err
	}
	mode := cmp.Or(change.Mode, push.Mode, identity.PushSecure)
	switch {
	case missing || change.Rotate:
		keys := wechat.NewPushKeys()
		push = identity.Push{Platform: app.Platform, App: id, Mode: mode, Keys: identity.PushKeys{
			Token:          identity.Secret(keys.Token.Reveal()),
			EncodingAESKey: identity.Secret(keys.EncodingAESKey.Reveal())}}
		err = p.pushes.Set(ctx, push, PushOverlap)
	case mode != push.Mode:
		err = p.pushes.SetMode(ctx, app.Platform, id, mode)
	}
	if err != nil {
		return identity.Push{}, unknown(err, "app", id)
	}
	return p.pushes.Find(ctx, app.Platform, id)
}

// Remove deletes the settings for the pushes of an app. It returns UnknownError if there is no such app, and
// RefusedError if it has none.
func (p *Pushes) Remove(ctx context.Context, actor identity.Actor, id string) error {
	app, err := p.apps.Find(ctx, actor, id)
	if err != nil {
		return err
	}
	err = p.pushes.Remove(identity.WithActor(ctx, actor), app.Platform, id)
	if errors.Is(err, identity.ErrNotFound) {
		return refused(err, "pushes are not set for %s", id)
	}
	return err
}
