package provider

import (
	"context"
	_ "embed" // the API's description
	"log/slog"
	"net/http"
	"net/netip"
	"net/url"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// accountOpenAPI tells of the API (OpenAPI 3.1).
//
//go:embed account_openapi.json
var accountOpenAPI []byte

// accountAPI is what people do with their own account, below /account/v1. Bodies are JSON objects of strings;
// account_openapi.json tells of all of it. PUT replaces, since wx.request has no PATCH.
type accountAPI struct {
	access   *access.Service
	clients  *clients.Registry
	accounts *accounts.Accounts
	proxies  []netip.Prefix
	answers  answers
}

var errQuery = badRequest("This call has no query: query strings end up in logs.")

// accountCall is one of its calls: what it may be sent, and what it does.
type accountCall struct {
	name, method, below string   // a row of the table of routes
	does                string   // in the log
	members             []string // of the body; nil: it has none
	act                 accountAction
}

// accountAction returns its answer; nil: there is nothing to tell.
type accountAction func(ctx context.Context, c accounts.Caller, r accountRequest) (any, error)

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

// calls are all that need a token.
func (a *accountAPI) calls() []accountCall {
	profile := []string{"name", "nickname", "picture", "gender", "locale", "email"}
	return []accountCall{
		{"account_profile", http.MethodGet, "/profile", "account read", nil, a.profile},
		{"account_profile", http.MethodPut, "/profile", "profile chosen", profile, a.setProfile},
		{"account_password", http.MethodPut, "/password", "password set", withProof("username", "password"),
			a.setPassword},
		{"account_link", http.MethodPost, "/links", "account linked", withProof("code", "appid"), a.link},
		{"account_unlink", http.MethodPost, "/links/remove", "account unlinked", withProof("platform", "appid"),
			a.unlink},
		{"account_export", http.MethodPost, "/export", "account exported", withProof(), a.export},
		{"account_deletion", http.MethodPost, "/deletion", "account leaving", withProof(), a.leave},
		{"account_sessions", http.MethodGet, "/sessions", "sessions listed", nil, a.listSessions},
		{"account_sessions", http.MethodDelete, "/sessions", "other sessions ended", nil, a.endOtherSessions},
		{"account_session", http.MethodDelete, "/sessions/{id}", "session ended", nil, a.endSession},
	}
}

// routes are the rows of the API, below a path.
func (a *accountAPI) routes(path string) []route {
	rows := []route{
		{"account_register", postMethod, path + "/users", corsAccount, slotWaiting,
			a.answers.endpoint(a.register)},
		{"account_openapi", readMethods, path + "/openapi.json", corsAny, slotNone, newDocument(accountOpenAPI)},
	}
	for _, call := range a.calls() {
		rows = append(rows, route{call.name, []string{call.method}, path + call.below, corsAccount, slotWaiting,
			a.answers.endpoint(func(w http.ResponseWriter, r *http.Request) error { return a.serve(w, r, call) })})
	}
	return rows
}

// serve answers a call whose token and body are good.
func (a *accountAPI) serve(w http.ResponseWriter, r *http.Request, call accountCall) error {
	caller, request, err := a.read(w, r, call)
	if err != nil {
		return err
	}
	answer, err := call.act(r.Context(), caller, request)
	if err != nil {
		return err
	}
	a.answers.logger.LogAttrs(r.Context(), slog.LevelInfo, call.does, slog.String("user", caller.UserID),
		slog.String("client", caller.ClientID))
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
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
	caller, err := a.access.CheckAccount(r.Context(), bearer)
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

// register is POST /users: there is no token yet, so the client proves itself as at the token endpoint.
func (a *accountAPI) register(w http.ResponseWriter, r *http.Request) error {
	user, err := a.newUser(w, r)
	if err != nil {
		return err
	}
	a.answers.logger.LogAttrs(r.Context(), slog.LevelInfo, "user registered", slog.String("user", user.ID))
	writeJSON(w, http.StatusCreated, map[string]string{"sub": user.ID, "username": user.Username})
	return nil
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
	client, err := a.clients.AuthenticateRegistrar(r.Context(), r)
	if err != nil {
		return identity.User{}, err
	}
	return a.accounts.Register(r.Context(), client.ID, clientAddress(r, a.proxies), body["username"], body["password"])
}
