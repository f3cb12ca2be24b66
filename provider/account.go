package provider

import (
	"context"
	_ "embed" // the API's description
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/identity"
)

// accountOpenAPI tells of the API (OpenAPI 3.1).
//
//go:embed account_openapi.json
var accountOpenAPI []byte

// accountAPI is what people do with their own account, below /account/v1. Bodies are JSON objects of strings;
// account_openapi.json tells of all of it. PUT replaces, since wx.request has no PATCH.
type accountAPI struct {
	manager  *grants.Manager
	accounts *accounts.Accounts
	proxies  []netip.Prefix
	answers  answers
}

var errQuery = badRequest("This call has no query: query strings end up in logs.")

// accountCall is one of its calls: what it may be sent, and what it does.
type accountCall struct {
	does    string   // in the log
	members []string // of the body; nil: it has none
	act     func(ctx context.Context, c accounts.Caller, r accountRequest) (any, error)
}

// accountRequest is a request that was read.
type accountRequest struct {
	body map[string]string
	id   string // in the path
}

// withProof adds the members of a proof; see accounts.Proof.
func withProof(members ...string) []string {
	return append(members, "current_password", "proof_code", "proof_appid")
}

func (r accountRequest) proof() accounts.Proof {
	return accounts.Proof{Password: r.body["current_password"], Code: r.body["proof_code"],
		AppID: r.body["proof_appid"]}
}

// calls are all that need a token, by method and path.
func (a *accountAPI) calls() map[string]accountCall {
	return map[string]accountCall{
		"GET /profile": {"account read", nil, func(ctx context.Context, c accounts.Caller, _ accountRequest) (any,
			error) {
			return a.accounts.Profile(ctx, c)
		}},
		"PUT /profile": {"profile chosen", []string{"name", "nickname", "picture", "gender", "locale", "email"},
			func(ctx context.Context, c accounts.Caller, r accountRequest) (any, error) {
				return a.accounts.SetProfile(ctx, c, identity.Profile{
					Name: r.body["name"], Nickname: r.body["nickname"], Picture: r.body["picture"],
					Gender: r.body["gender"], Locale: r.body["locale"], Email: r.body["email"],
				})
			}},
		"PUT /password": {"password set", withProof("username", "password"), func(ctx context.Context,
			c accounts.Caller, r accountRequest) (any, error) {
			return nil, a.accounts.SetPassword(ctx, c, r.proof(), r.body["username"], r.body["password"])
		}},
		"POST /links": {"account linked", withProof("code", "appid"), func(ctx context.Context, c accounts.Caller,
			r accountRequest) (any, error) {
			return nil, a.accounts.Link(ctx, c, r.proof(), r.body["appid"], r.body["code"])
		}},
		"POST /links/remove": {"account unlinked", withProof("platform", "appid"), func(ctx context.Context,
			c accounts.Caller, r accountRequest) (any, error) {
			return nil, a.accounts.Unlink(ctx, c, r.proof(), r.body["platform"], r.body["appid"])
		}},
		"POST /export": {"account exported", withProof(), func(ctx context.Context, c accounts.Caller,
			r accountRequest) (any, error) {
			return a.accounts.Export(ctx, c, r.proof())
		}},
		"POST /deletion": {"account leaving", withProof(), func(ctx context.Context, c accounts.Caller,
			r accountRequest) (any, error) {
			at, err := a.accounts.Leave(ctx, c, r.proof())
			return map[string]any{"deletes_at": at.UTC()}, err
		}},
		"GET /sessions": {"sessions listed", nil, func(ctx context.Context, c accounts.Caller,
			_ accountRequest) (any, error) {
			sessions, err := a.accounts.ListSessions(ctx, c)
			return map[string]any{"sessions": sessions}, err
		}},
		"DELETE /sessions": {"other sessions ended", nil, func(ctx context.Context, c accounts.Caller,
			_ accountRequest) (any, error) {
			ended, err := a.accounts.EndOtherSessions(ctx, c)
			return map[string]any{"ended": ended}, err
		}},
		"DELETE /sessions/{id}": {"session ended", nil, func(ctx context.Context, c accounts.Caller,
			r accountRequest) (any, error) {
			return nil, a.accounts.EndSession(ctx, c, r.id)
		}},
	}
}

// register adds all calls to a mux, and refuses other methods at their paths.
func (a *accountAPI) register(mux *http.ServeMux, path string, forClients, forAll func(http.Handler) http.Handler) {
	handlers := map[string]map[string]http.Handler{"/users": {http.MethodPost: http.HandlerFunc(a.serveUsers)}}
	for pattern, call := range a.calls() {
		method, below, _ := strings.Cut(pattern, " ")
		if handlers[below] == nil {
			handlers[below] = map[string]http.Handler{}
		}
		handlers[below][method] = a.handler(call)
	}
	for below, byMethod := range handlers {
		mux.Handle(path+below, forClients(a.answers.byMethod(byMethod)))
	}
	mux.Handle(path+"/openapi.json", forAll(a.answers.readOnly(newDocument(accountOpenAPI))))
}

// handler answers a call whose token and body are good.
func (a *accountAPI) handler(call accountCall) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Cache-Control"] = noStore
		caller, request, err := a.read(w, r, call)
		var answer any
		if err == nil {
			answer, err = call.act(r.Context(), caller, request)
		}
		if err != nil {
			a.answers.writeError(w, r, err)
			return
		}
		a.answers.logger.LogAttrs(r.Context(), slog.LevelInfo, call.does, slog.String("user", caller.UserID),
			slog.String("client", caller.ClientID))
		if answer == nil {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		writeJSON(w, http.StatusOK, answer)
	}
}

// read checks the token before it reads the body, which may be large.
func (a *accountAPI) read(w http.ResponseWriter, r *http.Request, call accountCall) (accounts.Caller,
	accountRequest, error) {
	if r.URL.RawQuery != "" {
		return accounts.Caller{}, accountRequest{}, errQuery
	}
	bearer, err := headerBearer(r.Header)
	if err != nil {
		return accounts.Caller{}, accountRequest{}, err
	}
	caller, err := a.manager.CheckAccount(r.Context(), bearer)
	if err != nil {
		return accounts.Caller{}, accountRequest{}, err
	}
	request := accountRequest{id: r.PathValue("id")}
	if call.members != nil {
		request.body, err = readMembers(w, r, call.members)
	}
	return accounts.Caller{
		UserID: caller.UserID, ClientID: caller.ClientID, SessionID: caller.SessionID, Scope: caller.Scope,
		Address: clientAddress(r, a.proxies),
	}, request, err
}

// serveUsers is POST /users: there is no token yet, so the client proves itself as at the token endpoint.
func (a *accountAPI) serveUsers(w http.ResponseWriter, r *http.Request) {
	w.Header()["Cache-Control"] = noStore
	user, err := a.newUser(w, r)
	if err != nil {
		a.answers.writeError(w, r, err)
		return
	}
	a.answers.logger.LogAttrs(r.Context(), slog.LevelInfo, "user registered", slog.String("user", user.ID))
	writeJSON(w, http.StatusCreated, map[string]string{"sub": user.ID, "username": user.Username})
}

func (a *accountAPI) newUser(w http.ResponseWriter, r *http.Request) (identity.User, error) {
	if r.URL.RawQuery != "" {
		return identity.User{}, errQuery
	}
	body, err := readMembers(w, r, []string{"client_id", "client_secret", "username", "password"})
	if err != nil {
		return identity.User{}, err
	}
	r.PostForm = url.Values{} // where client authentication looks
	for _, name := range []string{"client_id", "client_secret"} {
		if value, sent := body[name]; sent {
			r.PostForm.Set(name, value)
		}
	}
	client, err := a.manager.CheckRegistrar(r.Context(), r)
	if err != nil {
		return identity.User{}, err
	}
	return a.accounts.Register(r.Context(), client, clientAddress(r, a.proxies), body["username"], body["password"])
}
