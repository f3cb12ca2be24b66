package identity

import (
	"context"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAContextCarriesTheActor(t *testing.T) {
	require.Equal(t, Actor{}, ActorFrom(t.Context()))
	actor := Actor{Name: "lingpai clients disable (root)", Address: "192.0.2.1", RequestID: "r1"}
	ctx := WithActor(t.Context(), actor)
	require.Equal(t, actor, ActorFrom(ctx))
	require.Equal(t, actor, ActorFrom(context.WithoutCancel(ctx)), "an event is recorded even after an interrupt")
	require.Equal(t, "another", ActorFrom(WithActor(ctx, Actor{Name: "another"})).Name)
}
