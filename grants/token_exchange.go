package grants

import (
	"context"

	"github.com/lingpai/lingpai/authorize"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

// tokenExchange is the grant of RFC 8693 §2.1.
type tokenExchange struct {
	*Manager
	exchanger tokens.Exchanger
	handOffs  *authorize.HandOffs
}

// redeem answers a request by what it requests, which decides who may request it and for what.
func (g tokenExchange) redeem(ctx context.Context, r request) (tokens.Set, error) {
	switch r.Parameters.Get("requested_token_type") {
	case "", oauth.TokenTypeAccessToken:
		return g.accessToken(ctx, r)
	case oauth.TokenTypeTicket:
		return g.ticket(ctx, r)
	}
	return tokens.Set{}, oauth.NewError(oauth.InvalidRequest, "requested_token_type must be absent, "+
		oauth.TokenTypeAccessToken+" or "+oauth.TokenTypeTicket+".")
}

var (
	errPublicActor = oauth.NewError(oauth.UnauthorizedClient,
		"Only a confidential client may exchange access tokens: a public one does not authenticate. For a ticket, "+
			"send requested_token_type="+oauth.TokenTypeTicket+".")
	errWiderExchange = oauth.NewError(oauth.InvalidScope, "An exchange cannot request a scope that the subject_token "+
		"does not have or the client is not registered for.")
)

// accessToken exchanges a user's access token, which an API has received or a client has, for one with which
// the client calls another API for that user. The new token never permits more than the old one, or for longer.
func (g tokenExchange) accessToken(ctx context.Context, r request) (tokens.Set, error) {
	if !r.Client.MayAct() {
		return tokens.Set{}, errPublicActor
	}
	if err := checkExchange(r.Parameters); err != nil {
		return tokens.Set{}, err
	}
	subject, err := g.access.SubjectToken(ctx, r.Client, r.Parameters.Get("subject_token"))
	if err != nil {
		return tokens.Set{}, err
	}
	granted := r.Client.Retained(subject.Claims.Scope)
	scope, err := narrowedScope(granted, r.Scope, errWiderExchange)
	if err != nil {
		return tokens.Set{}, err
	}
	named := r.target(granted, scope)
	if subject.Session.ClientID == r.Client.ID { // it must not get what its refreshes would not
		named.Resources = subject.Session.Resources
	}
	target, err := g.exchanger.Target(named, r.Parameters.Get("audience"))
	if err != nil {
		return tokens.Set{}, err
	}
	set, err := g.exchanger.Issue(ctx, tokens.Exchange{Client: r.Client.Client, Subject: subject.Claims,
		Session: subject.Session, Now: subject.Now, Target: target})
	if err != nil {
		return tokens.Set{}, tokens.Failed(err)
	}
	return set, nil
}

// checkExchange checks the parameters that say what is exchanged. A JWT is accepted as the type of an access token,
// since access tokens are JWTs (RFC 8693 §3).
func checkExchange(parameters oauth.Parameters) error {
	kind := parameters.Get("subject_token_type")
	switch {
	case parameters.Get("subject_token") == "" || kind == "":
		return oauth.NewError(oauth.InvalidRequest, "subject_token or subject_token_type is missing.")
	case kind != oauth.TokenTypeAccessToken && kind != oauth.TokenTypeJWT:
		return oauth.NewError(oauth.InvalidRequest, "subject_token_type must be "+oauth.TokenTypeAccessToken+".")
	case parameters.Get("actor_token") != "" || parameters.Get("actor_token_type") != "":
		return oauth.NewError(oauth.InvalidRequest, "actor_token is not supported: the client itself is the actor.")
	}
	return nil
}
