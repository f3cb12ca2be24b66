package admin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
)

// Newcomers brings the people of another program. It is safe for parallel use, but for what Rehearse returns.
type Newcomers struct {
	newcomers identity.Newcomers
	apps      identity.Apps
}

// NewNewcomers returns what brings people to a store.
func NewNewcomers(newcomers identity.Newcomers, apps identity.Apps) *Newcomers {
	return &Newcomers{newcomers, apps}
}

// Apps returns the apps at which newcomers may have accounts.
func (n *Newcomers) Apps(ctx context.Context, actor identity.Actor) ([]identity.App, error) {
	return n.apps.List(identity.WithActor(ctx, actor))
}

// Import adds newcomers, a few hundred at most, each wholly or not at all, and returns what became of each in their
// order; with an error, of those before it. See [identity.Newcomers].
func (n *Newcomers) Import(ctx context.Context, actor identity.Actor,
	newcomers []identity.Newcomer,
) ([]identity.Arrival, error) {
	return n.newcomers.Import(identity.WithActor(ctx, actor), newcomers)
}

// Rehearse returns what answers as Import would, and writes nothing. It is for one caller.
func (n *Newcomers) Rehearse() *Newcomers { return &Newcomers{n.newcomers.Rehearse(), n.apps} }
