package admin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
)

// Imports brings the people of another program. It is safe for parallel use, but for what Rehearse returns.
type Imports struct {
	people identity.Imports
	apps   identity.Apps
}

// NewImports returns what brings people to a store.
func NewImports(people identity.Imports, apps identity.Apps) *Imports {
	return &Imports{people, apps}
}

// Apps returns the apps at which newcomers may have accounts.
func (n *Imports) Apps(ctx context.Context, actor identity.Actor) ([]identity.App, error) {
	return n.apps.List(identity.WithActor(ctx, actor))
}

// Import adds newcomers, a few hundred at most, each wholly or not at all, and returns what became of each in their
// order; with an error, of those before it. See [identity.Imports].
func (n *Imports) Import(ctx context.Context, actor identity.Actor,
	people []identity.ImportedUser,
) ([]identity.ImportResult, error) {
	return n.people.Import(identity.WithActor(ctx, actor), people)
}

// Rehearse returns what answers as Import would, and writes nothing. It is for one caller.
func (n *Imports) Rehearse() *Imports { return &Imports{n.people.Rehearse(), n.apps} }
