package authorize

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/lingpai/lingpai/clients"
	"github.com/lingpai/lingpai/identity"
	"github.com/lingpai/lingpai/oauth"
	"github.com/lingpai/lingpai/tokens"
)

const (
	maxNonce  = 255
	maxState  = 1024
	maxHint   = 255
	maxMaxAge = 1 << 31 // seconds
)

// Read reads the parameters of an authorization request. It first proves the client and the redirect URI: an error from
// before that must be shown on a page, since nobody else may be told, and has a Request that is not Proved. All errors
// are oauth.Errors.
func (s *Service) Read(ctx context.Context, form url.Values) (Request, error) {
	if strings.HasPrefix(form.Get("request_uri"), requestURIPrefix) {
		return s.readPushed(ctx, form)
	}
	r, err := s.readForm(ctx, form)
	switch {
	case err != nil:
		return r, err
	case r.Client.RequirePAR:
		return r, invalid("The client must push its requests to /par first (RFC 9126).")
	case len(r.canonical) > maxCanonical:
		return r, invalid("The request is too long: its parameters have at most 2048 bytes together. Shorten state, " +
			"nonce, scope or claims, or push the request to /par (RFC 9126).")
	}
	return r, nil
}

// readForm reads the parameters of a request that was not pushed, or of one that was when it was.
func (s *Service) readForm(ctx context.Context, form url.Values) (Request, error) {
	r, err := s.prove(ctx, form)
	if err != nil {
		return Request{}, err
	}
	for _, check := range []func(*Request, url.Values) error{
		readAll, readResponse, readPKCE, s.readScope, readPrompt, s.readHint, readClaims,
	} {
		if err := check(&r, form); err != nil {
			return r, err
		}
	}
	r.setCanonical(form)
	return r, attainable(r, s.classes, s.methods)
}

func invalid(description string) *oauth.Error {
	return oauth.NewError(oauth.InvalidRequest, description)
}

// prove finds the client, and checks that it has registered the redirect URI.
func (s *Service) prove(ctx context.Context, form url.Values) (Request, error) {
	id, uri := form["client_id"], form["redirect_uri"]
	switch {
	case len(id) != 1 || id[0] == "":
		return Request{}, invalid("client_id is missing or repeated.")
	case len(uri) != 1 || uri[0] == "":
		return Request{}, invalid("redirect_uri is missing or repeated.")
	}
	client, err := s.findClient(ctx, id[0])
	if err != nil {
		return Request{}, err
	}
	if !client.MatchesRedirectURI(uri[0]) {
		return Request{}, ErrUnknownRedirectURI
	}
	r := Request{Client: client, RedirectURI: uri[0]}
	form = answerable(form)
	r.FormPost = form.Get("response_mode") == "form_post" && r.Reach() != ReachApp
	if state := form["state"]; len(state) == 1 && len(state[0]) <= maxState && oauth.CleanText(state[0]) {
		r.State = state[0]
	}
	return r, nil
}

// findClient finds an enabled client. Its errors are oauth.Errors.
func (s *Service) findClient(ctx context.Context, id string) (clients.Client, error) {
	if identity.ValidClientID(id) != nil {
		return clients.Client{}, errUnknownClient
	}
	client, err := s.clients.Find(ctx, id)
	switch {
	case errors.Is(err, identity.ErrNotFound):
		return clients.Client{}, errUnknownClient
	case err != nil:
		return clients.Client{}, oauth.StoreFailed(err)
	case client.Disabled():
		return clients.Client{}, oauth.NewError(oauth.InvalidClient, "The client is disabled.")
	}
	return client, nil
}

// Errors about addresses that a client has not registered.
var (
	ErrUnknownRedirectURI = invalid("redirect_uri is not one of the client's. It is compared byte for byte: register " +
		"it with exactly this spelling.")
	ErrUnknownReturnURI = invalid("post_logout_redirect_uri is not one of the client's. It is compared byte for " +
		"byte: register it with exactly this spelling.")
)

var errUnknownClient = oauth.NewError(oauth.InvalidClient, "There is no such client.")

// checkForm refuses repeated parameters, and those of some names that are not clean text.
func checkForm(form url.Values, names []string) error {
	for name, values := range form {
		switch {
		case len(values) > 1 && name == "resource":
			return oauth.NewError(oauth.InvalidTarget, "resource is repeated: a token is for one resource.")
		case len(values) > 1:
			return invalid("A parameter is repeated (RFC 6749 3.1).")
		case slices.Contains(names, name) && !oauth.CleanText(values[0]):
			return invalid("Parameters must be UTF-8 without control characters.")
		}
	}
	return checkLocales(form)
}

// checkLocales refuses ui_locales that no page needs.
func checkLocales(form url.Values) error {
	if locales := form.Get("ui_locales"); len(locales) > maxHint || !oauth.CleanText(locales) {
		return invalid("ui_locales has at most 255 characters, without control characters.")
	}
	return nil
}

// readAll checks what concerns all parameters, and refuses those that are not supported.
func readAll(r *Request, form url.Values) error {
	if err := checkForm(form, carried); err != nil {
		return err
	}
	switch {
	case form.Get("request") != "":
		return oauth.NewError(oauth.RequestNotSupported, "request is not supported: send the parameters themselves.")
	case form.Get("request_uri") != "":
		return oauth.NewError(oauth.RequestURINotSupported, "Only the request_uri of a request that was "+
			"pushed to /par is supported.")
	case form.Get("registration") != "":
		return oauth.NewError(oauth.RegistrationNotSupported, "registration is not supported.")
	case len(form.Get("state")) > maxState || len(form.Get("nonce")) > maxNonce:
		return invalid("state has at most 1024 characters, and nonce 255.")
	case len(form.Get("login_hint")) > maxHint:
		return invalid("login_hint has at most 255 characters.")
	case !r.Client.MayUse(oauth.GrantAuthorizationCode):
		return oauth.NewError(oauth.UnauthorizedClient, "The client is not registered for authorization_code.")
	}
	r.Nonce, r.LoginHint = form.Get("nonce"), form.Get("login_hint")
	return nil
}

// readResponse checks how the client wants to be answered.
func readResponse(r *Request, form url.Values) error {
	switch kind, mode := form.Get("response_type"), form.Get("response_mode"); {
	case kind == "":
		return invalid("response_type is missing: use code.")
	case kind != "code":
		return oauth.NewError(oauth.UnsupportedResponseType, "The only supported response_type is code.")
	case mode != "" && mode != "query" && mode != "form_post":
		return invalid("response_mode must be query or form_post.")
	case mode == "form_post" && !r.FormPost:
		return invalid("response_mode=form_post needs a redirect_uri on the web: nothing can be posted to an app.")
	}
	return nil
}

// readPKCE checks the code challenge (RFC 7636 §4.3). A code without one can be injected into another browser
// (RFC 9700 §4.5), so only confidential clients may do without, and only if their record says so.
func readPKCE(r *Request, form url.Values) error {
	challenge, method := form.Get("code_challenge"), form.Get("code_challenge_method")
	decoded, err := base64.RawURLEncoding.Strict().DecodeString(challenge)
	switch {
	case challenge == "" && method == "" && r.Client.OptionalPKCE && r.Client.Confidential:
		return nil
	case challenge == "":
		return invalid("code_challenge is missing (RFC 7636): the client must use PKCE with S256.")
	case method != "S256":
		return invalid("code_challenge_method must be S256.")
	case err != nil || len(decoded) != 32:
		return invalid("code_challenge is not the base64url of a SHA-256 (RFC 7636 4.2).")
	}
	r.Challenge = challenge
	return nil
}

// readScope reads what the client asks for.
func (s *Service) readScope(r *Request, form url.Values) error {
	grant, err := oauth.GrantAuthorizationCode, error(nil)
	if r.UserCode != "" {
		grant = oauth.GrantDeviceCode
	}
	if r.Scope, err = r.Client.Scope(grant, form.Get("scope")); err != nil {
		return err
	}
	r.Resource = form.Get("resource")
	_, err = s.issuer.Target(tokens.TargetRequest{Client: r.Client.Client, Granted: r.Scope, Scope: r.Scope,
		Resource: r.Resource})
	return err
}

// readPrompt reads what the client requires of the sign-in.
func readPrompt(r *Request, form url.Values) error {
	r.Prompt = strings.Fields(form.Get("prompt"))
	for _, prompt := range r.Prompt {
		switch prompt {
		case promptNone, promptLogin, promptConsent, promptSelectAccount:
		default:
			return invalid("prompt has a value other than none, login, consent and select_account.")
		}
	}
	if r.Silent() && len(r.Prompt) > 1 {
		return invalid("prompt has none together with another value (OpenID Connect Core 3.1.2.1).")
	}
	r.MaxAge = -1
	if text := form.Get("max_age"); text != "" {
		seconds, err := strconv.ParseInt(text, 10, 64)
		if err != nil || seconds < 0 || seconds > maxMaxAge {
			return invalid("max_age must be a number of seconds.")
		}
		r.MaxAge = time.Duration(seconds) * time.Second
	}
	return nil
}

// readHint reads which user the request is about. The hint goes no further than here.
func (s *Service) readHint(r *Request, form url.Values) error {
	r.Subject = form.Get(subjectParameter)
	hint := form.Get("id_token_hint")
	if hint == "" {
		return nil
	}
	claims, err := s.issuer.ReadIDTokenHint(hint)
	if err != nil || claims.Audience != r.Client.ID {
		return invalid("id_token_hint is not an ID token of this server for this client.")
	}
	r.Subject = claims.Subject
	return nil
}
