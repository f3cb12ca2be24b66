package grants

import (
	"context"
	"errors"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

var (
	errForeignSubject = oauth.NewError(oauth.InvalidRequest, "The subject_token was issued to another client: only a "+
		"client's own session can be handed off.")
	errTicketFields = oauth.NewError(oauth.InvalidRequest, "A ticket is for the client_id in audience, and has "+
		"neither scope nor resource.")
)

// ticket exchanges a client's own access token for a ticket, with which its user is signed in in a browser, at the
// client that audience names (RFC 8693 §2.1: "the logical name of the target service").
func (g tokenExchange) ticket(ctx context.Context, r request) (tokens.Set, error) {
	if err := checkExchange(r.Parameters); err != nil {
		return tokens.Set{}, err
	}
	audience := r.Parameters.Get("audience")
	if audience == "" || r.Scope != "" || r.Resource != "" {
		return tokens.Set{}, errTicketFields
	}
	bearer, err := g.access.CheckSignIn(ctx, r.Parameters.Get("subject_token"), oauth.ScopeSignInHandOff)
	switch {
	case errors.Is(err, oauth.InvalidToken), errors.Is(err, oauth.InsufficientScope):
		return tokens.Set{}, badSubject(err)
	case err != nil:
		return tokens.Set{}, err
	case bearer.Client.ID != r.Client.ID:
		return tokens.Set{}, errForeignSubject
	}
	ticket, err := g.handOffs.Ticket(ctx, bearer.Session, bearer.Now, audience)
	return tokens.Set{AccessToken: ticket, ExpiresIn: authorize.TicketLifetime, IssuedTokenType: oauth.TokenTypeTicket,
		Session: identity.Session{UserID: bearer.Session.UserID}}, err
}

// badSubject returns the error about a subject token with the code that RFC 8693 §2.2.2 demands.
func badSubject(err error) error {
	refused := oauth.NewError(oauth.InvalidRequest, "The subject_token is not accepted.")
	if cause, ok := errors.AsType[*oauth.Error](err); ok {
		refused.Description += " " + cause.Description
	}
	return refused
}
