package admin

import (
	"context"

	"github.com/lingpai/lingpai/identity"
)

// Imports imports users of another program. It is safe for concurrent use, except for one that Rehearse returned.
type Imports struct {
	people identity.Imports
	apps   identity.Apps
}

// NewImports returns an Imports for a store.
func NewImports(people identity.Imports, apps identity.Apps) *Imports {
	return &Imports{people, apps}
}

// Apps returns the apps at which imported users may have accounts.
func (n *Imports) Apps(ctx context.Context, actor identity.Actor) ([]identity.App, error) {
	return n.apps.List(identity.WithActor(ctx, actor))
}

// Import adds users, a few hundred at most, each completely or not at all. It returns their outcomes in order; with an
// error, the outcomes of the users before it. See [identity.Imports].
func (n *Imports) Import(ctx context.Context, actor identity.Actor,
	people []identity.ImportedUser,
) ([]identity.ImportResult, error) {
	return n.people.Import(identity.WithActor(ctx, actor), people)
}

// Rehearse returns an Imports whose Import returns the same outcomes but writes nothing. It is not safe for concurrent
// use.
func (n *Imports) Rehearse() *Imports { return &Imports{n.people.Rehearse(), n.apps} }
