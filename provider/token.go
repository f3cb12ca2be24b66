package provider

import (
	"log/slog"
	"net/http"

	"github.com/go-oauth2/oauth2/v4"
	"github.com/go-oauth2/oauth2/v4/server"

	"github.com/lingpai/lingpai/grants"
	"github.com/lingpai/lingpai/oauth"
)

// tokenEndpoint is RFC 6749 §3.2.
type tokenEndpoint struct {
	manager *grants.Manager
	library *server.Server
	slots   *slots
	logger  *slog.Logger
}

func (e *tokenEndpoint) serve(w http.ResponseWriter, r *http.Request) error {
	w.Header()["Pragma"] = noCache // RFC 6749 §5.1
	info, err := e.token(r)
	if err != nil {
		return err
	}
	e.logger.LogAttrs(r.Context(), slog.LevelInfo, "token issued",
		slog.String("grant", r.PostForm.Get("grant_type")), slog.String("client", info.GetClientID()),
		slog.String("user", info.GetUserID()))
	answer := e.library.GetTokenData(info)
	if answer["issued_token_type"] == oauth.TokenTypeTicket {
		answer["token_type"] = "N_A" // it is no access token (RFC 8693 §2.2.1)
	}
	writeJSON(w, http.StatusOK, answer)
	return nil
}

func (e *tokenEndpoint) token(r *http.Request) (oauth2.TokenInfo, error) {
	if err := readForm(r); err != nil {
		return nil, err
	}
	grantType := r.PostForm.Get("grant_type")
	if grantType == "" {
		return nil, badRequest("grant_type is missing.")
	}
	release, err := e.slots.acquire(r.Context(), slotOf(grantType))
	if err != nil {
		return nil, err
	}
	defer release()
	return e.manager.GenerateAccessToken(r.Context(), oauth2.GrantType(grantType),
		&oauth2.TokenGenerateRequest{Request: r})
}

// extensionFields returns the members that go-oauth2 does not write itself: the ID token (OpenID Connect Core
// §3.1.3.3) and statuses such as profile_status.
func extensionFields(info oauth2.TokenInfo) map[string]any {
	extended, ok := info.(oauth2.ExtendableTokenInfo)
	if !ok || len(extended.GetExtension()) == 0 {
		return nil
	}
	fields := make(map[string]any, len(extended.GetExtension()))
	for name := range extended.GetExtension() {
		fields[name] = extended.GetExtension().Get(name)
	}
	return fields
}
