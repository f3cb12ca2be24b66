package identity

import "context"

// Actor is who acts: a person, or a command at a terminal. The zero value is the server itself, or users who act for
// themselves.
type Actor struct {
	// Name is the name of a person, of a command and the user who ran it, such as "lingpai clients disable (root)", or
	// of a platform that reported what a user did there.
	Name      string `json:"name,omitempty"`
	Address   string `json:"address,omitempty"`    // the IP address that the request came from; empty: this machine
	RequestID string `json:"request_id,omitempty"` // of the HTTP request; empty: there was none
}

type actorKey struct{}

// WithActor returns a context that carries who acts. Stores write it into the audit events of changes made with that
// context, in the same transaction.
func WithActor(ctx context.Context, actor Actor) context.Context {
	return context.WithValue(ctx, actorKey{}, actor)
}

// ActorFrom returns who acts, or the zero Actor if the context does not say.
func ActorFrom(ctx context.Context) Actor {
	actor, _ := ctx.Value(actorKey{}).(Actor)
	return actor
}
