package provider

import (
	"context"
	_ "embed" // the API's description
	"log/slog"
	"net/http"
	"net/url"

	"github.com/lingpai/lingpai/access"
	"github.com/lingpai/lingpai/accounts"
	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
)

// accountOpenAPI describes the account API (OpenAPI 3.1).
//
//go:embed account_openapi.json
var accountOpenAPI []byte

// accountAPI lets users manage their own account, below /account/v1. Bodies are JSON objects of strings;
// account_openapi.json describes all calls. PUT replaces, since wx.request has no PATCH.
type accountAPI struct {
	access   *access.Service
	clients  *clients.Registry
	accounts *accounts.Accounts
	errs     errorWriter
}

var errQuery = badRequest("Do not send a query string: query strings end up in logs.")

// accountCall is a call of the account API: its route, the members it accepts, and its handler.
type accountCall struct {
	name, method, below string   // of its route; below is the rest of the path after /account/v1
	message             string   // logged when the call succeeds
	members             []string // of the body; nil: there is no body
	act                 accountAction
}

// accountAction carries out a call and returns the body of the response; nil: 204 without a body.
type accountAction func(ctx context.Context, c accounts.Caller, r accountRequest) (any, error)

// accountRequest is a parsed request.
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

// calls returns all calls that need a token.
func (a *accountAPI) calls() []accountCall {
	profile := []string{"name", "nickname", "picture", "gender", "locale", "email", "address"}
	return []accountCall{
		{"account_profile", http.MethodGet, "/profile", "account read", nil, a.profile},
		{"account_profile", http.MethodPut, "/profile", "profile set", profile, a.setProfile},
		{"account_password", http.MethodPut, "/password", "password set", withProof("username", "password"),
			a.setPassword},
		{"account_link", http.MethodPost, "/links", "account linked", withProof("code", "appid"), a.link},
		{"account_unlink", http.MethodPost, "/links/remove", "account unlinked", withProof("platform", "appid"),
			a.unlink},
		{"account_export", http.MethodPost, "/export", "account exported", withProof(), a.export},
		{"account_deletion", http.MethodPost, "/deletion", "account deletion requested", withProof(), a.leave},
		{"account_sessions", http.MethodGet, "/sessions", "sessions listed", nil, a.listSessions},
		{"account_sessions", http.MethodDelete, "/sessions", "other sessions ended", nil, a.endOtherSessions},
		{"account_session", http.MethodDelete, "/sessions/{id}", "session ended", nil, a.endSession},
		{"account_consents", http.MethodGet, "/consents", "consents listed", nil, a.listConsents},
		{"account_consent", http.MethodDelete, "/consents/{id}", "consent withdrawn", nil, a.withdrawConsent},
	}
}

// routes returns the routes of the account API, below path.
func (a *accountAPI) routes(path string) []route {
	rows := []route{
		{"account_register", postMethod, path + "/users", corsRegistered, slotWaiting, tokenBody,
			a.errs.endpoint(a.register)},
		{"account_openapi", readMethods, path + "/openapi.json", corsAny, slotNone, 0, newDocument(accountOpenAPI)},
	}
	for _, call := range a.calls() {
		var body int64
		if call.members != nil {
			body = tokenBody
		}
		rows = append(rows, route{call.name, []string{call.method}, path + call.below, corsRegistered, slotWaiting,
			body, a.errs.endpoint(func(w http.ResponseWriter, r *http.Request) error { return a.serve(w, r, call) })})
	}
	return rows
}

// serve reads a request, carries out the call, logs it and writes the response.
func (a *accountAPI) serve(w http.ResponseWriter, r *http.Request, call accountCall) error {
	caller, request, err := a.read(r, call)
	if err != nil {
		return err
	}
	answer, err := call.act(r.Context(), caller, request)
	if err != nil {
		return err
	}
	a.errs.logger.LogAttrs(r.Context(), slog.LevelInfo, call.message, slog.String("user", caller.UserID),
		slog.String("client", caller.ClientID))
	if answer == nil {
		w.WriteHeader(http.StatusNoContent)
		return nil
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

// read checks the token before it parses the body.
func (a *accountAPI) read(r *http.Request, call accountCall) (accounts.Caller, accountRequest, error) {
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
		request.body, err = readMembers(r, call.members)
	}
	return accounts.Caller{
		UserID: caller.UserID, ClientID: caller.ClientID, SessionID: caller.SessionID, Scope: caller.Scope,
		Address: r.RemoteAddr,
	}, request, err
}

// register is POST /users: there is no token yet, so the client authenticates as at the token endpoint.
func (a *accountAPI) register(w http.ResponseWriter, r *http.Request) error {
	user, err := a.newUser(r)
	if err != nil {
		return err
	}
	a.errs.logger.LogAttrs(r.Context(), slog.LevelInfo, "user registered", slog.String("user", user.ID))
	writeJSON(w, http.StatusCreated, map[string]string{"sub": user.ID, "username": user.Username})
	return nil
}

func (a *accountAPI) newUser(r *http.Request) (identity.User, error) {
	if r.URL.RawQuery != "" {
		return identity.User{}, errQuery
	}
	body, err := readMembers(r, []string{"client_id", "client_secret", "username", "password"})
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
	return a.accounts.Register(r.Context(), client.ID, r.RemoteAddr, body["username"], body["password"])
}
