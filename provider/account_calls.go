package provider

import (
	"context"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/identity"
)

func (a *accountAPI) profile(ctx context.Context, c accounts.Caller, _ accountRequest) (any, error) {
	return a.accounts.Profile(ctx, c)
}

func (a *accountAPI) setProfile(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return a.accounts.SetProfile(ctx, c, identity.Profile{
		Name: r.body["name"], Nickname: r.body["nickname"], Picture: r.body["picture"],
		Gender: r.body["gender"], Locale: r.body["locale"], Email: r.body["email"],
		Address: r.body["address"],
	})
}

func (a *accountAPI) setPassword(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return nil, a.accounts.SetPassword(ctx, c, r.proof(), r.body["username"], r.body["password"])
}

func (a *accountAPI) link(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return nil, a.accounts.Link(ctx, c, r.proof(), r.body["appid"], r.body["code"])
}

func (a *accountAPI) unlink(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return nil, a.accounts.Unlink(ctx, c, r.proof(), r.body["platform"], r.body["appid"])
}

func (a *accountAPI) export(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return a.accounts.Export(ctx, c, r.proof())
}

func (a *accountAPI) leave(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	at, err := a.accounts.RequestDeletion(ctx, c, r.proof())
	return map[string]any{"deletes_at": at.UTC()}, err
}

func (a *accountAPI) listSessions(ctx context.Context, c accounts.Caller, _ accountRequest) (any, error) {
	return a.accounts.ListSessions(ctx, c)
}

func (a *accountAPI) endOtherSessions(ctx context.Context, c accounts.Caller, _ accountRequest) (any, error) {
	ended, err := a.accounts.EndOtherSessions(ctx, c)
	return map[string]any{"ended": ended}, err
}

func (a *accountAPI) endSession(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return nil, a.accounts.EndSession(ctx, c, r.id)
}

func (a *accountAPI) listConsents(ctx context.Context, c accounts.Caller, _ accountRequest) (any, error) {
	consents, err := a.accounts.ListConsents(ctx, c)
	return map[string]any{"consents": consents}, err
}

func (a *accountAPI) withdrawConsent(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
	return nil, a.accounts.WithdrawConsent(ctx, c, r.id)
}
